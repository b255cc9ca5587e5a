"""A device's life: people come signed, forgers are refused, power goes at any frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from devices import BuildDevice, RunDevice

from codegen import reference
from codegen.bundle import TAG_TENSORS, Bundle, Record, read_bundle, sign_bundle, write_bundle
from codegen.emit import emit
from codegen.schedule import schedule
from codegen.signing import SigningKey, new_key
from codegen.targets import find_target
from host_tools.build import Firmware
from host_tools.link import protocol
from host_tools.link.client import Link, Refusal
from host_tools.link.device import Device
from host_tools.link.emulated import EmulatedPort
from host_tools.link.protocol import AT, Code, Kind, Packet, frame_of
from tests import networks

BOARD = "netduinoplus2"
ALICE, BOB = 2, 5
IMAGES = 6


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return new_key(tmp_path_factory.mktemp("keys") / "shop.pem")


@pytest.fixture(scope="module")
def firmware(build_device: BuildDevice, key: SigningKey) -> Firmware:
    return build_device("conv_head", BOARD, key.public)


@pytest.fixture
def port(firmware: Firmware, run_device: RunDevice) -> Iterator[EmulatedPort]:
    with run_device(firmware) as transport:
        yield transport


def bundle_of(person: int, version: int) -> Bundle:
    files = emit(schedule(networks.conv_head(person), find_target("cortex-m4")), "a").files
    draft = read_bundle(files["a.hvb"])
    return dataclasses.replace(draft, user_id=bytes([person]) * 16, version=version)


def signed(bundle: Bundle, key: SigningKey) -> bytes:
    return write_bundle(sign_bundle(bundle, key.sign))


def hello(port: EmulatedPort) -> Device:
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


def forgeries(key: SigningKey, other: SigningKey) -> dict[str, bytes]:
    """What must be refused, by the name of the status."""
    good = bundle_of(ALICE, 7)
    tensors = bytearray(good.payload(TAG_TENSORS))
    tensors[3] ^= 1
    records = (Record(tag=TAG_TENSORS, payload=bytes(tensors)), *good.records[1:])
    whole = sign_bundle(good, key.sign)
    altered = bytearray(write_bundle(whole))
    altered[100] ^= 0x10
    return {
        "HV_ERROR_BUNDLE_SIGNATURE altered": write_bundle(
            dataclasses.replace(whole, records=records)
        ),
        "HV_ERROR_BUNDLE_SIGNATURE other": signed(good, other),
        "HV_ERROR_BUNDLE_CRC": bytes(altered),
        "HV_ERROR_BUNDLE_UNSIGNED": write_bundle(good),
        "HV_ERROR_BUNDLE_ABI": signed(dataclasses.replace(good, abi=bytes(32)), key),
        "HV_ERROR_BUNDLE_OLD": signed(bundle_of(ALICE, 1), key),
        "HV_ERROR_BUNDLE_TRUNCATED": write_bundle(whole)[:-16],
        "HV_ERROR_BUNDLE_SIZE behind": write_bundle(whole) + bytes(16),
        "HV_ERROR_BUNDLE_SIZE large": bytes(4096),
    }


def test_two_people_are_told_apart_and_whatever_is_forged_is_refused(
    port: EmulatedPort, key: SigningKey, tmp_path: Path
) -> None:
    device = hello(port)
    device.send_bundle(signed(bundle_of(ALICE, 3), key))
    device.send_bundle(signed(bundle_of(BOB, 1), key))
    people = {bytes([seed]) * 16: seed for seed in (ALICE, BOB)}
    check_decisions(device, people)
    before = device.people()
    for name, bundle in forgeries(key, new_key(tmp_path / "other.pem")).items():
        with pytest.raises(Refusal) as caught:
            device.send_bundle(bundle)
        assert caught.value.code == Code.REFUSED
        assert f"({name.split()[0]})" in str(caught.value), name
        assert device.people() == before
    check_decisions(device, people)


def test_a_person_who_was_removed_does_not_come_back_by_the_same_bundle(
    port: EmulatedPort, key: SigningKey
) -> None:
    device = hello(port)
    device.send_bundle(signed(bundle_of(ALICE, 3), key))
    device.remove((bytes([ALICE]) * 16).hex())
    assert device.people() == ()
    with pytest.raises(Refusal, match="HV_ERROR_BUNDLE_OLD"):
        device.send_bundle(signed(bundle_of(ALICE, 3), key))
    device.send_bundle(signed(bundle_of(ALICE, 4), key))
    port.reset()
    device = hello(port)
    check_decisions(device, {bytes([ALICE]) * 16: ALICE})


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


def test_power_that_goes_at_any_frame_of_an_update_leaves_the_old_person_or_the_new_one(
    port: EmulatedPort, key: SigningKey
) -> None:
    """Alice's weights become Bob's under her pseudonym; each frame is the last one in turn."""
    user = bytes([ALICE]) * 16
    device = hello(port)
    device.send_bundle(signed(bundle_of(ALICE, 1), key))
    device.send_bundle(signed(bundle_of(BOB, 1), key))
    taken = 1
    cuts = 0
    for version in range(2, 5):
        fresh = dataclasses.replace(bundle_of(BOB, version), user_id=user)
        frames = frames_of_update(signed(fresh, key))
        for last in range(0, len(frames), 3) if version < 4 else (len(frames) - 1,):
            for frame in frames[: last + 1]:
                port.write(frame)
            port.reset()
            cuts += 1
            device = hello(port)
            found = {person.user: person.version for person in device.people()}
            assert set(found) == {user.hex(), (bytes([BOB]) * 16).hex()}
            assert found[user.hex()] in (taken, version)
            taken = found[user.hex()]
            check_decisions(device, {user: ALICE if taken == 1 else BOB, bytes([BOB]) * 16: BOB})
    assert cuts > 5
    device.send_bundle(signed(dataclasses.replace(bundle_of(BOB, 9), user_id=user), key))
    check_decisions(device, {user: BOB, bytes([BOB]) * 16: BOB})
