"""Options and printing that verbs share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

STORE_VARIABLE = "HVCODEGEN_STORE"
DEFAULT_CHECKPOINT = "pb"

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def default_store() -> Path:
    """The store on this system for this user."""
    from platformdirs import user_data_path

    return user_data_path("hvcodegen", appauthor=False) / "users"


def store_option(function: F) -> F:
    """`--store DIR`: where enrolled users are kept."""
    return click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        envvar=STORE_VARIABLE,
        default=default_store,
        show_default=f"${STORE_VARIABLE}, or the user's data folder",
        help="Folder of enrolled users.",
    )(function)


def target_option(function: F) -> F:
    """`--target NAME`."""
    return click.option(
        "--target",
        default="cortex-m4",
        show_default=True,
        metavar="NAME",
        help="Processor core; `hvcodegen targets` lists them.",
    )(function)


def json_option(function: F) -> F:
    """`--json`: the result for machines, on stdout."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print the result as JSON.", callback=_remember_json
    )(function)


def images_option(function: F) -> F:
    """`--image FILE` (repeatable), `--images DIR`, `--samples NPZ|DIR`, `--aligned`."""
    for decorator in (
        click.option(
            "--samples",
            type=click.Path(path_type=Path),
            metavar="NPZ|DIR",
            help="Of a model: as for --calibration.  [default: 20 of the calibration samples]",
        ),
        click.option(
            "--aligned",
            is_flag=True,
            help="The images are crops of the network's own size already: no face detection.",
        ),
        click.option(
            "--images",
            "folder",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="A folder of photographs, or of pictures.",
        ),
        click.option(
            "--image",
            "files",
            type=click.Path(path_type=Path),
            multiple=True,
            help="A photograph, or a picture for a model; may be given several times.",
        ),
    ):
        function = decorator(function)
    return function


def compiler_option(function: F) -> F:
    """`--compiler gcc|zig`."""
    return click.option(
        "--compiler",
        metavar="NAME",
        help="gcc or zig; default: the first that `hvcodegen doctor` finds.",
    )(function)


def emulator_option(function: F) -> F:
    """`--emulator qemu|unicorn`."""
    return click.option(
        "--emulator",
        metavar="NAME",
        help="qemu or unicorn; default: the first that `hvcodegen doctor` finds.",
    )(function)


def print_result(as_json: bool, data: Mapping[str, Any], lines: Iterable[str]) -> None:
    """The verb's result on stdout: JSON for machines, else lines for people."""
    if as_json:
        click.echo(json.dumps(data, indent=2))
        return
    for line in lines:
        click.echo(line)


def counted(count: int, noun: str) -> str:
    """A number and what it counts: one sample, 20 samples."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def talk(message: str) -> None:
    """A line for the person who watches, on stderr."""
    click.echo(message, err=True)


def progress(items: Sequence[T], label: str) -> Iterator[T]:
    """Yields the items behind a progress bar on stderr; without a terminal, one line."""
    with click.progressbar(items, label=label, file=sys.stderr, show_pos=True) as bar:
        yield from bar


def photo_progress(done: int, total: int) -> None:
    """A line now and then while a collection of photographs is read."""
    _tell_count(done, total, "photographs")


def composite_progress(done: int, total: int) -> None:
    """A line now and then while faces are put together."""
    _tell_count(done, total, "composite faces")


def _tell_count(done: int, total: int, what: str) -> None:
    if done == total or done % 250 == 0:
        talk(f"  {done} of {total} {what}")


def table(headings: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """Left-aligned text, right-aligned numbers, two spaces between."""
    body = [tuple(_cell(value) for value in row) for row in rows]
    numeric = [bool(body) and all(_is_number(row[i]) for row in body) for i in range(len(headings))]
    widths = [max(len(row[i]) for row in (headings, *body)) for i in range(len(headings))]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in (headings, *body)
    ]


def _cell(value: Any) -> str:  # noqa: ANN401 - anything printable
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace("%", "").lstrip("-+").isdigit() or (
        cell == "-"
    )


def _remember_json(context: click.Context, _: click.Parameter, value: bool) -> bool:
    context.find_root().meta["json"] = value
    return value
