"""`hvcodegen stream`: images to a device, its scores and decisions as they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from codegen.cli.common import json_option, store_option, talk, target_option
from codegen.cli.linking import PortOrder, baud_option, emulate_option
from codegen.cli.signing import SigningOrder, signing_options

if TYPE_CHECKING:
    from codegen.cli.live_images import Frame
    from codegen.cli.streaming import Known
    from codegen.cli.subject import Subject
    from codegen.errors import HvError
    from host_tools.link.device import Device
    from host_tools.link.recording import Recording


@click.command(short_help="Send images to a device and see its decisions live.")
@click.argument("port", required=False)
@click.option(
    "--images",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of photographs.",
)
@click.option("--camera", type=int, metavar="N", help="A camera of this machine, from 0.")
@click.option(
    "--replay",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A recorded session: no device is needed.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the session down: every frame, as JSON lines.",
)
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="NAME",
    help="An enrolled user, whose bundle is sent if the device does not have it; repeatable.",
)
@click.option("--aligned", is_flag=True, help="The images are crops of the right size already.")
@store_option
@target_option
@emulate_option
@baud_option
@signing_options
@json_option
def command(
    port: str | None,
    folder: Path | None,
    camera: int | None,
    replay: Path | None,
    record: Path | None,
    users: tuple[str, ...],
    aligned: bool,
    store: Path,
    target: str,
    emulate: str | None,
    baud: int,
    signing: SigningOrder,
    as_json: bool,
) -> None:
    """Send images to a device; its scores and decisions are printed as they come.

    PORT is a serial port such as /dev/ttyACM0 or COM3, or socket://HOST:NUMBER. With --json, one
    object a line. Ctrl-C ends it.

    \b
    Examples:
      hvcodegen stream /dev/ttyACM0 --camera 0
      hvcodegen stream --emulate mps2-an386 --user alice --user bob --images visitors/
      hvcodegen stream /dev/ttyACM0 --images visitors/ --record session.jsonl
      hvcodegen stream --replay session.jsonl
    """
    if sum(given is not None for given in (folder, camera, replay)) != 1:
        raise click.UsageError("give one of --images, --camera and --replay")
    from codegen.cli.subject import Subject
    from codegen.store import load_user

    order = PortOrder(port=port, board=emulate, baud=baud)
    if replay is not None:
        if port or emulate or record or users:
            raise click.UsageError("--replay needs no device, user or record")
        _replay(replay, as_json)
        return
    order.check()
    if record and record.exists():
        raise _exists(record)
    subjects = [Subject.from_user(load_user(store, name)) for name in users]
    with ExitStack() as stack:
        from codegen.cli.linking import bundle_of, target_of, transport_to
        from host_tools.link.client import Link
        from host_tools.link.device import Device

        extras = [signing.extras_of(store, subject) for subject in subjects]
        first = subjects[0] if subjects else None
        transport = stack.enter_context(transport_to(order, first, extras[0] if extras else {}))
        device = Device(Link(transport))
        device.hello()
        core = target_of(device, target)
        bundles = [
            (subject, bundle_of(subject, core, extra))
            for subject, extra in zip(subjects, extras, strict=True)
        ]
        out = stack.enter_context(_new_file(record)) if record else None
        _live(device, out, bundles, (folder, camera, aligned), as_json)


def _live(
    device: Device,
    out: TextIO | None,
    bundles: list[tuple[Subject, bytes]],
    source: tuple[Path | None, int | None, bool],
    as_json: bool,
) -> None:
    from codegen.cli.live_images import from_camera, from_folder
    from codegen.cli.streaming import Known
    from host_tools.link.client import Link
    from host_tools.link.device import Device
    from host_tools.link.people import number_of, user_of
    from host_tools.link.recording import Recorder

    known: dict[str, Known] = {}
    for subject, bundle in bundles:
        number_of(device, bundle, talk)
        known[user_of(bundle)] = Known(name=subject.name, net=subject.quant_net)
    recorder = Recorder(device.link.transport, out) if out else None
    if recorder:  # from here on: nobody's bundle is written down
        device = Device(Link(recorder))
        device.hello()
        recorder.note(names={user: person.name for user, person in known.items()})
    shape = device.identity().image_shape
    folder, camera, aligned = source
    frames = (
        from_folder(folder, shape, aligned=aligned)
        if folder is not None
        else from_camera(camera or 0, shape)
    )
    _print(device, frames, known, recorder.note if recorder else _no_note, as_json)


def _replay(path: Path, as_json: bool) -> None:
    from codegen.cli.live_images import from_recording
    from codegen.cli.streaming import Known
    from host_tools.link.client import Link
    from host_tools.link.device import Device
    from host_tools.link.recording import Replay, read_recording

    recording: Recording = read_recording(path)
    device = Device(Link(Replay(recording)))
    device.hello()
    names = recording.notes.get("names", {})
    known = {user: Known(name=name) for user, name in names.items()}
    frames = from_recording(recording, device.identity().image_shape)
    _print(device, frames, known, _no_note, as_json)


def _print(
    device: Any,  # noqa: ANN401 - Device, not imported for --help
    frames: Iterator[Frame],
    known: dict[str, Known],
    note: Any,  # noqa: ANN401
    as_json: bool,
) -> None:
    import json

    from codegen.cli.streaming import headings, known_name, seen_json, seen_line, stream

    identity = device.identity()
    talk(f"{identity.board}: kernel {identity.model} {identity.abi[:16]}, {identity.people} people")
    width = 24
    everybody = device.people() if identity.person_bytes else ()
    for person in everybody:
        if person.is_damaged:
            talk(f"the bundle of {known_name(person, known)} is damaged in flash: send it again")
    people = [person for person in everybody if not person.is_damaged]
    if not as_json:
        click.echo(headings(width, [known_name(person, known) for person in people]))
    for seen in stream(device, people, frames, known, note):
        click.echo(json.dumps(seen_json(seen)) if as_json else seen_line(seen, width))
    link = device.link
    talk(f"{link.retries} requests were repeated, {link.refused} frames were damaged")


def _new_file(path: Path) -> TextIO:
    """A session that was recorded is never written over."""
    try:
        return path.open("x", encoding="utf-8")
    except FileExistsError as error:
        raise _exists(path) from error


def _exists(path: Path) -> HvError:
    from codegen.errors import HvError

    return HvError(
        "there is a file of that name", where=str(path), hint="give another one to --record"
    )


def _no_note(**_: object) -> None:
    """Nothing is recorded."""
