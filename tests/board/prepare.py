#!/usr/bin/env python3
"""Builds the parts of a board and starts its first system, once for all tests that come after: they find it in
the directory PATCHBAY_BOARD. With --remove it is taken away again.

usage: prepare.py [--remove] grub|flash|fleet
"""
import os
import shutil
import sys

import flash_bench
import fleet_bench
import workbench

BENCHES = {"grub": workbench.Workbench, "flash": flash_bench.FlashBench, "fleet": fleet_bench.FleetBench}


def main():
    board = sys.argv[-1]
    kind = BENCHES[board]
    shutil.rmtree(os.path.join(os.environ["PATCHBAY_BOARD"], board), ignore_errors=True)
    if "--remove" in sys.argv:
        return
    workbench.skip_where_impossible(board, kind.loaders)
    with kind(board, prepares=True) as bench:
        bench.first()


if __name__ == "__main__":
    main()
