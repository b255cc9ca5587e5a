"""What `tune` and the curves share: measuring every kernel of every layer, and choosing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.cli.common import table
from codegen.cli.rounds import Mark, Session
from codegen.cli.subject import Subject
from codegen.errors import HvError
from codegen.schedule_file import (
    HEADING,
    LayerChoice,
    Objective,
    ScheduleFile,
    Unit,
    to_text,
    valid_for,
)
from codegen.targets import Target
from codegen.trade_off import Bounds, Point, choose, front, search
from host_tools.cache import write_atomically
from host_tools.fit import Limits


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """All that was found.

    Attributes:
        name: the user's or the model's.
        target: the core.
        unit: of all costs.
        measured: where and how, in words.
        rounds: how often the whole network was measured.
        skipped: kernels left out because these weights do not let them be proved exact.
        points: the front, the fastest first, without those that a plan beats: schedules have
            whole tensors, and a plan that streams rows needs less RAM.
        plans: for comparison.
        chosen: the point wanted.
        schedule: the file's content, with the figures of a run of the chosen network.
    """

    name: str
    target: str
    unit: Unit
    measured: str
    rounds: int
    skipped: tuple[str, ...]
    points: tuple[Point, ...]
    plans: tuple[Mark, ...]
    chosen: Point
    schedule: ScheduleFile


def tune(
    subject: Subject,
    target: Target,
    objective: Objective,
    limits: Limits,
    report: Callable[[str], None],
    *,
    compiler: str | None = None,
) -> Tuned:
    """Measures every kernel of every layer and chooses.

    Args:
        subject: the network.
        target: the core; it must have an emulated board.
        objective: what is to be least.
        limits: of the chip.
        report: told what is being done.
        compiler: gcc or zig; the preferred one if None.

    Raises:
        HvError: nothing fits, or whatever stops the firmware.
        OutputsDiffer: a kernel gives other bits than the reference.
        ProgramMissing: there is no compiler, or no emulator that profiles.
    """
    session = Session(subject, target, report, compiler)
    measured = session.measure_all()
    bounds = Bounds(flash_bytes=limits.flash.size_bytes, ram_bytes=limits.ram.size_bytes)
    found = search(measured, bounds)
    plans = session.plans()
    whole = (session.confirmed(point) for point in front(found))
    fitting = [mark for mark in plans if mark.flash_bytes <= bounds.flash_bytes]
    points = tuple(point for point in whole if not _is_beaten(point, fitting))
    chosen = session.confirmed(choose(measured, bounds, objective, found))
    _check_bounds(chosen, measured.besides.output_bytes, bounds)
    return Tuned(
        name=subject.name,
        target=target.name,
        unit=session.unit,
        measured=session.described,
        rounds=session.rounds,
        skipped=session.skipped,
        points=points,
        plans=plans,
        chosen=chosen,
        schedule=ScheduleFile(
            target=target.name,
            architecture=subject.quant_net.arch.name,
            valid_for=valid_for(subject.quant_net.arch),
            objective=objective,
            unit=session.unit,
            measured=session.described,
            flash_limit_bytes=bounds.flash_bytes,
            ram_limit_bytes=bounds.ram_bytes,
            cost=chosen.cost,
            flash_bytes=chosen.flash_bytes,
            ram_bytes=chosen.ram_bytes,
            layers=_layers(chosen),
        ),
    )


def check_writable(file: Path) -> None:
    """Returns when a schedule can be written there: the file is new, or an earlier schedule.

    Raises:
        HvError: it is something else, or its folder is not there.
    """
    if not file.parent.is_dir():
        raise HvError("there is no such folder", where=str(file.parent), hint="make it first")
    if file.exists() and not file.read_bytes().startswith(HEADING.encode()):
        raise HvError(
            "the file is no schedule, and is not overwritten",
            where=str(file),
            hint="choose another -o",
        )


def write_schedule(schedule: ScheduleFile, file: Path) -> None:
    """Writes all of it, or nothing."""
    write_atomically(file, to_text(schedule).encode())


def front_rows(tuned: Tuned) -> list[str]:
    """The curve as a table: its points, then the plans; * marks what was chosen."""
    rows: list[tuple[Any, ...]] = [
        ("*" if p is tuned.chosen else "", "", p.cost, p.ram_bytes, p.flash_bytes)
        for p in tuned.points
    ]
    if tuned.chosen not in tuned.points:
        one = tuned.chosen
        rows.append(("*", "", one.cost, one.ram_bytes, one.flash_bytes))
    rows += [("", f"plan {m.name}", m.cost, m.ram_bytes, m.flash_bytes) for m in tuned.plans]
    return table(("", "curve", tuned.unit, "RAM", "flash"), rows)


def tuned_json(tuned: Tuned) -> dict[str, Any]:
    """Everything that the table says, and each layer's kernel."""
    schedule = tuned.schedule
    return {
        "target": tuned.target,
        "objective": schedule.objective,
        "unit": tuned.unit,
        "measured": tuned.measured,
        "rounds": tuned.rounds,
        "skipped": list(tuned.skipped),
        "limits": {
            "flash_bytes": schedule.flash_limit_bytes,
            "ram_bytes": schedule.ram_limit_bytes,
        },
        "total": _figures(tuned.unit, schedule.cost, schedule.ram_bytes, schedule.flash_bytes),
        "layers": [
            {
                "name": name,
                "kernel": layer.kernel,
                "options": dict(layer.options),
                tuned.unit: layer.cost,
                "code_bytes": layer.code_bytes,
                "weight_bytes": layer.weight_bytes,
                "scratch_bytes": layer.scratch_bytes,
            }
            for name, layer in schedule.layers.items()
        ],
        "front": [_figures(tuned.unit, p.cost, p.ram_bytes, p.flash_bytes) for p in tuned.points],
        "plans": [
            {"plan": m.name, **_figures(tuned.unit, m.cost, m.ram_bytes, m.flash_bytes)}
            for m in tuned.plans
        ],
    }


def _is_beaten(point: Point, plans: Iterable[Mark]) -> bool:
    """Whether a plan is better in one and not worse in the other: those that stream rows may be."""
    own = point.cost, point.ram_bytes
    return any(
        mark.cost <= own[0] and mark.ram_bytes <= own[1] and (mark.cost, mark.ram_bytes) != own
        for mark in plans
    )


def hint_lines(tuned: Tuned) -> list[str]:
    """Plans that need less RAM than what was chosen for the least of it."""
    if tuned.schedule.objective != "ram":
        return []
    return [
        f"plan {mark.name} needs less RAM, {mark.ram_bytes:,} bytes: it streams rows, which no "
        f"schedule does; take --plan {mark.name}"
        for mark in tuned.plans
        if mark.ram_bytes < tuned.chosen.ram_bytes
    ]


def _layers(chosen: Point) -> dict[str, LayerChoice]:
    layers = chosen.scheduled.net.layers
    return {
        layer.name: LayerChoice(
            kernel=option.kernel.name,
            options=option.kernel.options(),
            cost=option.cost,
            code_bytes=option.code_bytes,
            weight_bytes=option.weight_bytes,
            scratch_bytes=option.kernel.scratch_bytes(layer),
        )
        for layer, option in zip(layers, chosen.chosen, strict=True)
    }


def _check_bounds(point: Point, output_bytes: int, bounds: Bounds) -> None:
    """What was measured at last must fit, too: it may differ by what the compiler shares."""
    ram_bytes = point.ram_bytes + output_bytes
    if point.flash_bytes > bounds.flash_bytes or ram_bytes > bounds.ram_bytes:
        raise HvError(
            f"the schedule needs {point.flash_bytes:,} bytes of flash and {ram_bytes:,} of RAM, "
            f"and there are {bounds.flash_bytes:,} and {bounds.ram_bytes:,}",
            hint="tune with --flash and --ram a little smaller",
        )


def _figures(unit: Unit, cost: int, ram_bytes: int, flash_bytes: int) -> dict[str, int]:
    return {unit: cost, "ram_bytes": ram_bytes, "flash_bytes": flash_bytes}
