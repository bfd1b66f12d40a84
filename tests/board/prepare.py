#!/usr/bin/env python3
"""Builds the parts of the board and starts its first system, once for all tests that come after: they
find it in the directory PATCHBAY_BOARD. With --remove it is taken away again."""
import os
import shutil
import sys

import workbench


def main():
    shutil.rmtree(os.environ["PATCHBAY_BOARD"], ignore_errors=True)
    if sys.argv[1:] == ["--remove"]:
        return
    workbench.skip_where_impossible("grub")
    with workbench.Workbench(prepares=True) as bench:
        bench.first()


if __name__ == "__main__":
    main()
