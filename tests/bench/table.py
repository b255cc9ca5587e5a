"""Prints what networks cost: `python -m tests.bench.table [--target NAME] [FILE.onnx ...]`.

Without files: the networks of networks.py, and a verifier, `pq`, with made-up weights.
`--write README.md` puts the table between that file's marks, too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codegen.cli.common import table, talk
from codegen.cli.onnx_model import load_model
from codegen.cli.profiling import NOT_KNOWN, Measured, cycles_per_mac, measure
from codegen.cli.subject import Subject, SubjectOrder
from codegen.errors import HvError
from codegen.plans import PLANS
from codegen.quantise import quantise
from codegen.targets import Target, find_target
from hypernet.architectures import load_architecture
from tests.bench.networks import NETWORKS
from tests.networks import float_net

HEADINGS = (
    "network",
    "plan",
    "instructions",
    "cycles",
    "cycles/MAC",
    "code",
    "weights",
    "RAM",
)
BEGIN, END = MARKS = "<!-- make bench -->\n", "<!-- end of make bench -->\n"
VERIFIER = "pq"


def main(words: list[str]) -> None:
    """The table of the networks asked for."""
    parser = argparse.ArgumentParser(prog="table", description="What networks cost.")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.onnx")
    parser.add_argument("--target", default="cortex-m4", metavar="NAME")
    parser.add_argument("--write", type=Path, metavar="README.md")
    given = parser.parse_args(words)
    target = find_target(given.target)
    try:
        rows = [row(name, costs) for name, costs in _all(given.files, target)]
        note = f"{target.name}; cycles at zero wait states; code, weights and RAM in bytes"
        lines = [*table(HEADINGS, rows), note]
        print("\n".join(lines))
        if given.write:
            given.write.write_text(with_table(given.write.read_text(), lines))
    except HvError as error:
        sys.exit(f"error: {error}")


def with_table(text: str, lines: list[str], marks: tuple[str, str] = MARKS) -> str:
    """A document with the table between its marks.

    Raises:
        HvError: it has no marks.
    """
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        hint = f"write {''.join(marks)}in it"
        raise HvError("the document has no place for the table", hint=hint)
    block = "\n".join(["```", *lines, "```"])
    return f"{before}{begin}{block}\n{end}{after}"


def row(name: str, measured: Measured) -> tuple[Any, ...]:
    """The cells of one network."""
    total, flash = measured.profile.total, measured.profile.flash
    return (
        name,
        measured.kernels,
        total.instructions,
        round(total.cycles.zero_wait) if total.cycles else NOT_KNOWN,
        cycles_per_mac(total),
        flash.code,
        flash.weights + flash.tables,
        NOT_KNOWN if measured.profile.ram.total is None else measured.profile.ram.total,
    )


def from_file(file: Path) -> Subject:
    """A model, quantised on made-up samples unless it has scales of its own."""
    order = SubjectOrder(
        user=None,
        onnx=file,
        calibration=None,
        observer="auto",
        equalise=False,
        bias_correction=False,
        pixels="unit",
        input_shapes=(),
        name=None,
        store=Path(),
    )
    return load_model(order, make_up=True)


def made_up_verifier() -> Subject:
    """The architecture of the checkpoint `pq`, with made-up weights."""
    net = float_net(load_architecture(VERIFIER))
    return Subject(name=VERIFIER, float_net=net, quant_net=quantise(net))


def _all(files: list[Path], target: Target) -> Iterator[tuple[str, Measured]]:
    for subject in subjects(files):
        for plan in PLANS:
            talk(f"{subject.name}, {plan.name} ...")
            yield subject.name, measure(subject, target, talk, plan=plan.name)


def subjects(files: list[Path]) -> Iterator[Subject]:
    """Those of the files, or those that are always measured."""
    if files:
        yield from (from_file(file) for file in files)
        return
    with tempfile.TemporaryDirectory() as scratch:
        for name, network in NETWORKS.items():
            file = Path(scratch) / f"{name}.onnx"
            file.write_bytes(network().SerializeToString())
            yield from_file(file)
    yield made_up_verifier()


if __name__ == "__main__":
    main(sys.argv[1:])
