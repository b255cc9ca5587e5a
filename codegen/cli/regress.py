"""`hvcodegen regress`: what an upgrade changes for the users there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen.cli.common import (
    compiler_option,
    counted,
    json_option,
    print_result,
    store_option,
    talk,
    target_option,
)

if TYPE_CHECKING:
    from codegen.cli.regressing import Checked


@click.group(short_help="Say what an upgrade changes for enrolled users.")
def command() -> None:
    """Freeze what enrolled users compute and cost, and say later exactly what changed.

    A record keeps, for each user, the images, a hash of every layer's tensor, the verdicts, and
    what an inference costs in the emulated board. It holds no weights; photographs, if any were
    given, are in it as crops.

    \b
    Examples:
      hvcodegen regress record fleet/
      hvcodegen regress check fleet/ --junit report.xml
      hvcodegen regress check fleet/ --accept
    """


@command.command("record")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--user", "users", multiple=True, metavar="NAME", help="Whom.  [default: everybody]")
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of photographs.  [default: the made-up images of the known answers]",
)
@click.option("--aligned", is_flag=True, help="The images are crops already: no face detection.")
@target_option
@click.option("--board", metavar="NAME", help="Board.  [default: the target's emulated one]")
@store_option
@compiler_option
@json_option
def record_(
    folder: Path,
    users: tuple[str, ...],
    images: Path | None,
    aligned: bool,
    target: str,
    board: str | None,
    store: Path,
    compiler: str | None,
    as_json: bool,
) -> None:
    """Record a fleet of users in FOLDER."""
    from codegen.cli.regressing import Place, images_for, record
    from codegen.errors import HvError
    from codegen.store import list_users
    from codegen.targets import find_target

    names = sorted(set(users)) or list_users(store)
    if not names:
        raise HvError("nobody is enrolled", where=str(store), hint="hvcodegen enroll --help")
    place = Place(
        store=store, target=find_target(target), board=board, compiler=compiler, report=talk
    )
    given = {name: images_for(place, name, images, aligned=aligned) for name in names}
    fleet = record(folder, place, given)
    data = {"folder": str(folder), "board": fleet.board, "users": list(fleet.users)}
    lines = [f"recorded {counted(len(fleet.users), 'user')} on {fleet.board} in {folder}"]
    print_result(as_json, data, lines)


@command.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--junit", type=click.Path(path_type=Path), help="Write a JUnit XML report, too.")
@click.option("--accept", is_flag=True, help="Take what is now as right: record it.")
@store_option
@compiler_option
@json_option
def check_(
    folder: Path,
    junit: Path | None,
    accept: bool,
    store: Path,
    compiler: str | None,
    as_json: bool,
) -> None:
    """Run the users recorded in FOLDER again, on the same images, and say what changed.

    Any change ends with exit code 3, but for --accept.
    """
    from codegen.cli.regressing import check, place_of
    from codegen.errors import OutputsDiffer
    from host_tools.regress.record import read_fleet

    place = place_of(read_fleet(folder), store, compiler, talk)
    found = check(folder, place, accept=accept)
    if junit is not None:
        from host_tools.regress.junit import write_junit

        write_junit(junit, list(found.before.users), found.changes)
    print_result(as_json, changes_json(found), changes_lines(found))
    if accept and found.changes:
        talk(f"recorded {counted(len(found.now.users), 'user')} anew in {folder}")
    elif found.changes:
        raise OutputsDiffer(
            f"{counted(len(found.changes), 'change')} since the record was made",
            where=str(folder),
            hint="if all of them are meant: hvcodegen regress check --accept",
        )


def changes_json(found: Checked) -> Mapping[str, Any]:
    """What made both, every change, and the figures of today."""
    return {
        "recorded_with": {"version": found.before.version, "toolchain": found.before.toolchain},
        "checked_with": {"version": found.now.version, "toolchain": found.now.toolchain},
        "users": {name: {"figures": dict(u.figures)} for name, u in found.now.users.items()},
        "changes": [asdict(change) for change in found.changes],
    }


def changes_lines(found: Checked) -> list[str]:
    """User by user; what made both, where it is not the same."""
    lines = []
    before, now = (f"hvcodegen {f.version}, {f.toolchain}" for f in (found.before, found.now))
    if before != now:
        lines += [f"recorded with {before}", f"checked with  {now}"]
    for user in sorted({*found.before.users, *found.now.users}):
        changes = [change for change in found.changes if change.user == user]
        lines.append(f"{user}: {counted(len(changes), 'change') if changes else 'unchanged'}")
        lines += [f"  {change.aspect}: {change.text}" for change in changes]
    return lines
