"""Prints what RAM costs in cycles: `python -m tests.bench.curves [--target NAME] [FILE.onnx ...]`.

Without files: the networks of networks.py, and the default verifier with made-up weights.
`--plot FILE` draws the curves; `--write README.md` puts the tables between that file's marks.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codegen.cli.common import talk
from codegen.cli.curve_plot import draw_curves
from codegen.cli.profile_plot import check_plot
from codegen.cli.tuning import Tuned, front_rows, tune
from codegen.errors import HvError
from codegen.targets import Target, find_target
from host_tools.fit import board_limits
from tests.bench.table import subjects, with_table

MARKS = "<!-- make curves -->\n", "<!-- end of make curves -->\n"


def main(words: list[str]) -> None:
    """The curves of the networks asked for."""
    parser = argparse.ArgumentParser(prog="curves", description="What RAM costs in cycles.")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.onnx")
    parser.add_argument("--target", default="cortex-m4", metavar="NAME")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("--write", type=Path, metavar="README.md")
    given = parser.parse_args(words)
    try:
        target = find_target(given.target)
        if given.plot:
            check_plot(given.plot)
        found = _curves(given.files, target)
        lines = [line for tuned in found for line in _lines(tuned)]
        lines.append(f"{target.name}; RAM and flash in bytes; {found[0].measured}")
        print("\n".join(lines))
        if given.plot:
            draw_curves(found, given.plot)
        if given.write:
            given.write.write_text(with_table(given.write.read_text(), lines, MARKS))
    except HvError as error:
        sys.exit(f"error: {error}")


def _lines(tuned: Tuned) -> list[str]:
    return [f"{tuned.name}, * is the schedule for cycles", *front_rows(tuned), ""]


def _curves(files: list[Path], target: Target) -> list[Tuned]:
    found = []
    for subject in subjects(files):
        talk(f"{subject.name} ...")
        limits = board_limits(target, None, None)
        found.append(tune(subject, target, "cycles", limits, talk))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
