"""`hvcodegen monitor`: who a device is, whom it knows, whether it computes what it should."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

import click

from codegen.cli.common import json_option, store_option, talk
from codegen.cli.linking import PortOrder, port_options
from codegen.cli.signing import SigningOrder, signing_options


@click.command(short_help="Watch a device: who it is, whom it knows, what it answers.")
@port_options
@click.option("--user", metavar="NAME", help="Of --emulate: whose kernel and bundle.")
@store_option
@click.option(
    "--every", type=click.FloatRange(min=0), default=1.0, show_default=True, metavar="SECONDS"
)
@click.option(
    "--count",
    "rounds",
    type=click.IntRange(min=1),
    metavar="N",
    help="Rounds.  [default: until Ctrl-C]",
)
@signing_options
@json_option
def command(
    order: PortOrder,
    user: str | None,
    store: Path,
    every: float,
    rounds: int | None,
    signing: SigningOrder,
    as_json: bool,
) -> None:
    """Ask a device who it is and whom it knows, then run every known answer again and again.

    Each round prints, for each person, the score and the decision, whether they are those of the
    known answer in the person's bundle, and how long the device took. A wrong one ends it with
    exit code 3. With --json, one object a line.

    \b
    Examples:
      hvcodegen monitor /dev/ttyACM0
      hvcodegen monitor socket://localhost:5555 --count 1 --json
      hvcodegen monitor --emulate mps2-an386 --user alice
    """
    from codegen.cli.linking import bundle_of, transport_to
    from codegen.cli.monitoring import Monitor
    from codegen.cli.subject import Subject
    from codegen.store import load_user
    from host_tools.boards import load_board
    from host_tools.link.client import Link
    from host_tools.link.device import Device
    from host_tools.link.people import number_of

    subject = Subject.from_user(load_user(store, user)) if user else None
    extras = signing.extras_of(store, subject) if subject else {}
    with transport_to(order, subject, extras) as transport:
        device = Device(Link(transport))
        device.hello()
        if subject is not None and order.board is not None:
            number_of(device, bundle_of(subject, load_board(order.board).target, extras), talk)
        monitor = Monitor(device)
        monitor.introduce(as_json)
        for number in count(1):
            monitor.round(number, as_json)
            if number == rounds:
                break
            time.sleep(every)
