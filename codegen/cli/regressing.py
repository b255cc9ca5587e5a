"""What `hvcodegen regress` and the pytest plugin share: measuring a fleet, and comparing it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen import __version__
from codegen.cli import pipeline
from codegen.cli.batches import read_batch
from codegen.cli.subject import Subject
from codegen.emit import write_emission
from codegen.errors import HvError
from codegen.store import list_users, load_user
from codegen.targets import Target, find_target
from host_tools.build import build_firmware
from host_tools.emulators import choose_profiler
from host_tools.fit import check_fit, limits_of, needs_of
from host_tools.profile import Profile, profile
from host_tools.regress.changes import Change, find_changes
from host_tools.regress.record import (
    Fleet,
    UserRecord,
    forget_images,
    read_fleet,
    read_images,
    tensor_hashes,
    weights_hash,
    write_fleet,
    write_record,
)
from host_tools.toolchain import choose

Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Images:
    """What one user is run on: names, and uint8 [N, image bytes]."""

    names: tuple[str, ...]
    rows: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Place:
    """What everything is run on, and where the users are.

    Attributes:
        store: folder of enrolled users.
        target: the core.
        board: the target's emulated one if None.
        compiler: gcc or zig; the preferred one if None.
        report: told what is being done.
    """

    store: Path
    target: Target
    board: str | None
    compiler: str | None
    report: Report


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check found; `now` is the fleet as it is today."""

    before: Fleet
    now: Fleet
    changes: tuple[Change, ...]


def images_for(place: Place, user: str, folder: Path | None, *, aligned: bool) -> Images:
    """Photographs of a folder, or without one the made-up images of the known answers."""
    subject = Subject.from_user(load_user(place.store, user))
    batch = read_batch(subject, (), folder, None, aligned=aligned)
    return Images(names=batch.names, rows=batch.rows(subject.quant_net.arch))


def record(folder: Path, place: Place, images: Mapping[str, Images]) -> Fleet:
    """Measures each user on its images and writes the record.

    Raises:
        HvError: there is something in the folder already, or whatever cannot be built or run.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HvError(
            "there is something already",
            where=str(folder),
            hint="another folder; or `regress check --accept`, to take what is now as right",
        )
    fleet = _measured(place, images)
    write_fleet(folder, fleet, {user: given.rows for user, given in images.items()})
    return fleet


def check(folder: Path, place: Place, *, accept: bool = False) -> Checked:
    """Measures the users of a record on its images and compares; with `accept`, writes it anew.

    Raises:
        HvError: no whole record, or whatever cannot be built or run.
    """
    before = read_fleet(folder)
    enrolled = set(list_users(place.store))
    images = {
        user: Images(names=recorded.images, rows=read_images(folder, user))
        for user, recorded in before.users.items()
        if user in enrolled
    }
    now = _measured(place, images)
    changes = find_changes(before, now)
    if accept and changes:
        write_record(folder, now)
        for left in before.users.keys() - now.users.keys():
            forget_images(folder, left)  # they show a person who is no longer here
    return Checked(before=before, now=now, changes=changes)


def place_of(before: Fleet, store: Path, compiler: str | None, report: Report) -> Place:
    """What a record was made on."""
    return Place(
        store=store,
        target=find_target(before.target),
        board=before.board,
        compiler=compiler,
        report=report,
    )


def _measured(place: Place, images: Mapping[str, Images]) -> Fleet:
    board = pipeline.board_of(place.target, place.board)
    users: dict[str, UserRecord] = {}
    toolchain = choose(pipeline.purpose_of(board), place.compiler)
    for number, (user, given) in enumerate(images.items(), start=1):
        place.report(f"{user} ({number} of {len(images)}): {len(given.names)} images")
        users[user] = _user(place, Subject.from_user(load_user(place.store, user)), given)
    return Fleet(
        version=__version__,
        target=place.target.name,
        board=board.name,
        toolchain=f"{toolchain.name} {toolchain.version}",
        users=users,
    )


def _user(place: Place, subject: Subject, images: Images) -> UserRecord:
    emission = pipeline.emission_of(subject, place.target)
    with tempfile.TemporaryDirectory(prefix="hvcodegen-") as scratch:
        folder = Path(scratch) / "emitted"
        write_emission(emission, folder)
        order = pipeline.trace_order(
            folder, place.target, place.compiler, Path(scratch) / "firmware", place.board
        )
        check_fit(needs_of(emission.program), limits_of(order.board))
        emulator = choose_profiler(order.board)
        found = profile(emulator, build_firmware(order), images.rows)
    (decision,) = subject.quant_net.arch.outputs
    return UserRecord(
        weights=weights_hash(subject.float_net.tensors, subject.float_net.threshold),
        images=images.names,
        layers={name: tensor_hashes(tensor) for name, tensor in found.tensors.items()},
        verdicts=tuple((int(s), int(n), int(a)) for s, n, a in found.tensors[decision]),
        figures=_figures(found),
    )


def _figures(found: Profile) -> dict[str, int]:
    cycles = found.total.cycles
    figures: dict[str, Any] = {
        "instructions": found.total.instructions,
        "cycles": round(cycles.zero_wait) if cycles else None,
        "ram": found.ram.total,
        "flash": found.flash.total,
    }
    return {name: int(value) for name, value in figures.items() if value is not None}
