"""Of people on a device: their bundles, the frames that bring them, what they decide."""

from __future__ import annotations

import dataclasses

import numpy as np

from codegen import reference
from codegen.bundle import Bundle, read_bundle, sign_bundle, write_bundle
from codegen.emit import emit
from codegen.schedule import schedule
from codegen.signing import SigningKey
from host_tools.boards import load_board
from host_tools.link import protocol
from host_tools.link.client import Link
from host_tools.link.device import Device
from host_tools.link.protocol import AT, Kind, Packet, frame_of
from host_tools.link.transports import Transport
from tests import networks

ALICE, BOB = 2, 5
IMAGES = 6


def user_of(person: int) -> bytes:
    return bytes([person]) * 16


def bundle_of(person: int, version: int, board: str) -> Bundle:
    """Somebody's bundle for a board's core."""
    core = load_board(board).core
    files = emit(schedule(networks.conv_head(person), core), "a").files
    draft = read_bundle(files["a.hvb"])
    return dataclasses.replace(draft, user_id=user_of(person), version=version)


def signed(bundle: Bundle, key: SigningKey) -> bytes:
    return write_bundle(sign_bundle(bundle, key.sign))


def hello(port: Transport) -> Device:
    device = Device(Link(port))
    device.hello(60)
    return device


def check_decisions(device: Device, people: dict[bytes, int]) -> None:
    """Everybody on the device says what the reference of their network says, bit for bit."""
    known = {bytes.fromhex(person.user): person.number for person in device.people()}
    assert set(known) == set(people)
    batch = networks.images(networks.conv_head().arch, IMAGES, 8)
    for user, seed in people.items():
        expected = np.asarray(reference.run(networks.conv_head(seed), batch)["decision"])
        for image, verdict in zip(batch, expected, strict=True):
            device.send_image(image.tobytes())
            assert device.run(known[user]).verdict == tuple(verdict)


def frames_of_update(bundle: bytes) -> list[bytes]:
    """What `send_bundle` sends, in parts of 64 bytes."""
    parts = [
        (Kind.BUNDLE_DATA, AT.pack(at) + bundle[at : at + 64]) for at in range(0, len(bundle), 64)
    ]
    packets = [
        (Kind.BUNDLE_BEGIN, protocol.BEGIN.pack(len(bundle))),
        *parts,
        (Kind.BUNDLE_COMMIT, b""),
    ]
    return [
        frame_of(Packet(kind=kind, sequence=1000 + number, payload=payload))
        for number, (kind, payload) in enumerate(packets)
    ]
