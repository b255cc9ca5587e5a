"""What the verbs share that talk to a device: which port, and whose kernel runs on it."""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from codegen.cli.common import talk
from host_tools.boards import DEFAULT_BAUD

if TYPE_CHECKING:
    from codegen.cli.subject import Subject
    from codegen.schedule_file import ScheduleFile
    from host_tools.link.device import Device
    from host_tools.link.transports import Transport

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class PortOrder:
    """A device that was asked for.

    Attributes:
        port: a serial port or socket; None for an emulated board.
        board: the board to emulate; None for a port.
        baud: bits a second, of a serial port.
    """

    port: str | None
    board: str | None
    baud: int = DEFAULT_BAUD

    def check(self) -> None:
        """Raises click.UsageError unless exactly one of both was given."""
        if (self.port is None) == (self.board is None):
            raise click.UsageError("give PORT or --emulate BOARD")


def port_options(function: F) -> F:
    """`[PORT]`, `--emulate BOARD` and `--baud N`; the verb gets an `order`."""

    @functools.wraps(function)
    def gathered(port: str | None, emulate: str | None, baud: int, **options: Any) -> Any:  # noqa: ANN401
        order = PortOrder(port=port, board=emulate, baud=baud)
        order.check()
        return function(order=order, **options)

    command: Any = gathered
    for option in (baud_option, emulate_option, click.argument("port", required=False)):
        command = option(command)
    result: F = command
    return result


def emulate_option(function: F) -> F:
    """`--emulate BOARD`."""
    return click.option(
        "--emulate",
        metavar="BOARD",
        help="No device: build the firmware, start the board in QEMU, and talk to that.",
    )(function)


def baud_option(function: F) -> F:
    """`--baud N`."""
    return click.option(
        "--baud", type=int, default=DEFAULT_BAUD, show_default=True, help="Of a serial port."
    )(function)


@contextmanager
def transport_to(
    order: PortOrder,
    subject: Subject | None,
    extras: Mapping[str, Any],
    plan: str | ScheduleFile | None = None,
) -> Iterator[Transport]:
    """A way to the device that was asked for.

    Args:
        order: which one.
        subject: whose kernel an emulated board runs.
        extras: of its emission: whose signatures it demands.
        plan: how its kernels are chosen; None as `emit` does without an option.

    Raises:
        click.UsageError: a board to emulate, and nobody's kernel.
        HvError: it cannot be opened, built or started.
    """
    if order.port is not None:
        from host_tools.link.transports import open_port

        transport = open_port(order.port, baud=order.baud)
        try:
            yield transport
        finally:
            transport.close()
        return
    if subject is None:
        raise click.UsageError("--emulate needs a kernel: give --user NAME")
    with _emulated(order.board or "", subject, extras, plan) as transport:
        yield transport


@contextmanager
def _emulated(
    board: str,
    subject: Subject,
    extras: Mapping[str, Any],
    plan: str | ScheduleFile | None,
) -> Iterator[Transport]:
    from codegen.cli import pipeline
    from codegen.plans import DEFAULT_PLAN
    from host_tools.boards import load_board
    from host_tools.build import build_firmware
    from host_tools.link.emulated import APP, emulated

    core = load_board(board).core
    with (
        pipeline.emitted(subject, core, plan=plan or DEFAULT_PLAN, **extras) as folder,
        tempfile.TemporaryDirectory(prefix="hvcodegen-") as out,
    ):
        order = pipeline.trace_order(folder, core, None, Path(out), board)
        talk(f"building the firmware of {board} ...")
        order = dataclasses.replace(order, app=APP, board=order.board.in_qemu)
        firmware = build_firmware(order)
        with emulated(firmware) as transport:
            yield transport


def bundle_of(subject: Subject, target: str, extras: Mapping[str, Any]) -> bytes:
    """The bundle of an enrolled user, as `emit` writes it."""
    from codegen.cli import pipeline
    from codegen.targets import find_target

    emission = pipeline.emission_of(subject, find_target(target), **extras)
    return next(data for name, data in emission.files.items() if name.endswith(".hvb"))


def target_of(device: Device, asked: str) -> str:
    """That of the device's board, if it is one of ours: a person's bundle may differ by core."""
    from host_tools.boards import board_names, load_board

    name = device.identity().board
    return load_board(name).target if name in board_names() else asked
