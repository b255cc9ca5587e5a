"""Prints what `make powercut` measures: python -m tests.powercut.table [--long] [--seed N]."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.powercut.simulation import GEOMETRIES, KINDS_OF_TEARING, Counts, build, simulate

_HEAD = "part        people  operations     cuts   second    third       boots    flips  failures"


def main() -> int:
    """Returns 0 if nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="every way of tearing, three cuts")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    patterns, depth = (KINDS_OF_TEARING, 3) if options.long else (2, 2)
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder))
        print(_HEAD, flush=True)
        runs = []
        for geometry in GEOMETRIES:
            runs.append(
                simulate(
                    program, geometry, patterns=patterns, depth=depth, flips=True, seed=options.seed
                )
            )
            print(_row(runs[-1]), flush=True)
    failures = sum(run.failures for run in runs)
    cuts = sum(run.cuts + sum(run.nested) for run in runs)
    flips = sum(run.flips for run in runs)
    print(f"{cuts:,} power cuts, {flips:,} flipped bits: {failures} failures")
    return 0 if failures == 0 else 3


def _row(run: Counts) -> str:
    numbers = (
        f"{run.people:>8}{run.operations:>12,}{run.cuts:>9,}{run.nested[0]:>9,}"
        f"{run.nested[1]:>9,}{run.boots:>12,}{run.flips:>9,}{run.failures:>10}"
    )
    failed = "".join(f"\n  {line}" for line in run.said.splitlines() if line.startswith("FAILED"))
    return f"{run.geometry:<10}{numbers}{failed}"


if __name__ == "__main__":
    sys.exit(main())
