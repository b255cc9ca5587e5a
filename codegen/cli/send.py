"""`hvcodegen send`: people to a device, over the link."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen.cli.common import json_option, print_result, store_option, table, talk, target_option
from codegen.cli.linking import PortOrder, baud_option
from codegen.cli.signing import SigningOrder, signing_options

if TYPE_CHECKING:
    from host_tools.link.device import Device


@click.command(short_help="Send people to a device, or have it forget them.")
@click.argument("port")
@click.option(
    "--user", "users", multiple=True, metavar="NAME", help="An enrolled user; repeatable."
)
@click.option(
    "--bundle",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE.hvb",
    help="A bundle as `emit` wrote it; repeatable.",
)
@click.option(
    "--forget",
    "forgotten",
    multiple=True,
    metavar="ID",
    help="The beginning of a pseudonym that the device knows; repeatable. Comes first.",
)
@store_option
@target_option
@baud_option
@signing_options
@json_option
def command(
    port: str,
    users: tuple[str, ...],
    files: tuple[Path, ...],
    forgotten: tuple[str, ...],
    store: Path,
    target: str,
    baud: int,
    signing: SigningOrder,
    as_json: bool,
) -> None:
    """Send people to a device, then list whom it knows; its kernel is not flashed again.

    PORT is a serial port such as /dev/ttyACM0 or COM3, or socket://HOST:NUMBER. The device refuses
    what is not signed by its key, altered, for another kernel, older than what it has, or too
    large, each with its own code; everybody stays as before then.

    \b
    Examples:
      hvcodegen send /dev/ttyACM0 --user alice --user bob
      hvcodegen send socket://localhost:5555 --bundle build/alice/alice.hvb
      hvcodegen send /dev/ttyACM0 --forget a45e7029
    """
    from codegen.cli.linking import target_of, transport_to
    from host_tools.link.client import Link
    from host_tools.link.device import Device

    if not (users or files or forgotten):
        raise click.UsageError("give --user, --bundle or --forget")
    order = PortOrder(port=port, board=None, baud=baud)
    with transport_to(order, None, {}) as transport:
        device = Device(Link(transport))
        device.hello()
        for beginning in forgotten:
            _forget(device, beginning)
        core = target_of(device, target)
        for name in users:
            _send(device, name, _bundle(store, name, core, signing))
        for file in files:
            _send(device, file.name, file.read_bytes())
        people = device.people()
    data = {"people": [vars(person) for person in people]}
    rows = [
        (p.number, p.user, p.version, "DAMAGED" if p.is_damaged else f"{p.size_bytes:,}")
        for p in people
    ]
    lines = table(("number", "pseudonym", "version", "bytes"), rows) if rows else ["nobody"]
    print_result(as_json, data, lines)


def _bundle(store: Path, name: str, target: str, signing: SigningOrder) -> bytes:
    from codegen.cli.linking import bundle_of
    from codegen.cli.subject import Subject
    from codegen.store import load_user

    subject = Subject.from_user(load_user(store, name))
    return bundle_of(subject, target, signing.extras(store, name))


def _send(device: Device, name: str, bundle: bytes) -> None:
    talk(f"sending {name}, {len(bundle):,} bytes ...")
    device.send_bundle(bundle)


def _forget(device: Device, beginning: str) -> None:
    from codegen.errors import HvError

    found = [person.user for person in device.people() if person.user.startswith(beginning.lower())]
    if len(found) != 1:
        who = "several people" if found else "nobody"
        raise HvError(f"the device knows {who} by that pseudonym", where=f"--forget {beginning}")
    device.remove(found[0])
