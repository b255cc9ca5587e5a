"""Builds and runs the simulation of people in NOR flash: a life cut at every operation."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codegen.resources import resource
from tests.c_host import WARNINGS, compiler, run

RUNTIME = resource("firmware") / "runtime"
HERE = Path(__file__).resolve().parent
PRODUCT = ("hv_stored.c", "hv_journal.c", "hv_areas.c", "hv_slots_state.c", "hv_slots.c")
GEOMETRIES = ("f405", "f405-bytes", "nrf52840", "rp2040", "stm32l4", "stm32h7", "two-slots")
KINDS_OF_TEARING = 8


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What one run has tried.

    Attributes:
        geometry: of which part, scaled down.
        people: there may be.
        operations: of flash, in the whole life.
        cuts: of these, each torn in some ways.
        nested: cuts while recovering, and while recovering from that.
        boots: in all.
        flips: of single bits.
        damaged: of these in a person's bytes.
        failures: anything that must not be.
        said: what the program printed.
    """

    geometry: str
    people: int
    operations: int
    cuts: int
    nested: tuple[int, int]
    boots: int
    flips: int
    damaged: int
    failures: int
    said: str


def build(folder: Path, changed: Mapping[str, str] | None = None, *flags: str) -> Path:
    """Compiles the simulation; `changed` has texts in place of the product's files."""
    texts = dict(changed or {})
    for name, text in texts.items():
        (folder / name).write_text(text)
    product = [folder / name if name in texts else RUNTIME / name for name in PRODUCT]
    sources = [*sorted((HERE / "c").glob("*.c")), *product]
    program = folder / "powercut"
    own = [flag for flag in WARNINGS if flag not in ("-Wpedantic", "-Werror") or not texts]
    run([compiler("gcc"), *own, "-O2", *flags, "-I", RUNTIME, *sources, "-o", program])
    return program


def simulate(
    program: Path,
    geometry: str,
    *,
    patterns: int,
    depth: int,
    flips: bool = False,
    seed: int = 1,
    limit_s: float | None = None,
) -> Counts:
    """One life on one part.

    Args:
        program: what `build` made.
        geometry: one of GEOMETRIES.
        patterns: ways to tear each operation that is cut, 1 to KINDS_OF_TEARING.
        depth: cuts that follow one another, 1 to 3; the third is sampled.
        flips: whether every bit is flipped at the end of the life.
        seed: of everything that is random.
        limit_s: after which a run has failed.
    """
    argv = [program, geometry, patterns, depth, int(flips), seed]
    done = subprocess.run(
        [str(part) for part in argv],
        capture_output=True,
        text=True,
        check=False,
        timeout=limit_s,
    )
    return _counts(geometry, done.stdout, done.returncode)


def _counts(geometry: str, said: str, exit_code: int) -> Counts:
    found = re.search(
        r"people (\d+) steps \d+ operations (\d+) cuts (\d+) nested (\d+) (\d+) "
        r"boots (\d+) failures (\d+)",
        said,
    )
    flipped = re.search(r"flips (\d+) damaged (\d+)", said)
    numbers = found.groups() if found else (0,) * 6 + (1,)  # it crashed, which is a failure too
    people, operations, cuts, second, third, boots, failures = map(int, numbers)
    flips, damaged = map(int, flipped.groups()) if flipped else (0, 0)
    return Counts(
        geometry=geometry,
        people=people,
        operations=operations,
        cuts=cuts,
        nested=(second, third),
        boots=boots,
        flips=flips,
        damaged=damaged,
        failures=failures,
        said=f"{said}exit code {exit_code}",
    )
