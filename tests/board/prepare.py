#!/usr/bin/env python3
"""Builds the parts of the board with GRUB and of the one with flash, and starts their first systems, once for
all tests that come after: they find it in the directory PATCHBAY_BOARD. With --remove it is taken away again."""
import os
import shutil
import sys

import flash_bench
import parts
import workbench


def main():
    shutil.rmtree(os.environ["PATCHBAY_BOARD"], ignore_errors=True)
    if sys.argv[1:] == ["--remove"]:
        return
    workbench.skip_where_impossible("grub")
    with workbench.Workbench(prepares=True) as bench:
        bench.first()
    if not parts.missing(flash_bench.FlashBench.loaders["flash"]):
        with flash_bench.FlashBench("flash", prepares=True) as bench:
            bench.first()


if __name__ == "__main__":
    main()
