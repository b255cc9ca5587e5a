"""A device's life: people come signed, forgers are refused, power goes at any frame.

On the netduinoplus2 people lie in RAM that outlives a reset, on the microbit in flash, which QEMU's
model of the nRF51's controller programs and erases.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from devices import BuildDevice, RunDevice
from lives import (
    ALICE,
    BOB,
    bundle_of,
    check_decisions,
    frames_of_update,
    hello,
    signed,
    user_of,
)

from codegen.bundle import TAG_TENSORS, Record, sign_bundle, write_bundle
from codegen.signing import SigningKey, new_key
from host_tools.build import Firmware
from host_tools.link.client import Refusal
from host_tools.link.emulated import EmulatedPort
from host_tools.link.protocol import Code

BOARDS = ("netduinoplus2", "microbit")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return new_key(tmp_path_factory.mktemp("keys") / "shop.pem")


@pytest.fixture(scope="module", params=BOARDS)
def firmware(
    build_device: BuildDevice, key: SigningKey, request: pytest.FixtureRequest
) -> Firmware:
    return build_device("conv_head", request.param, key.public)


@pytest.fixture
def board(firmware: Firmware) -> str:
    return firmware.order.board.name


@pytest.fixture
def port(firmware: Firmware, run_device: RunDevice) -> Iterator[EmulatedPort]:
    with run_device(firmware) as transport:
        yield transport


def forgeries(key: SigningKey, other: SigningKey, board: str) -> dict[str, bytes]:
    """What must be refused, by the name of the status."""
    good = bundle_of(ALICE, 7, board)
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
        "HV_ERROR_BUNDLE_OLD": signed(bundle_of(ALICE, 1, board), key),
        "HV_ERROR_BUNDLE_TRUNCATED": write_bundle(whole)[:-16],
        "HV_ERROR_BUNDLE_SIZE behind": write_bundle(whole) + bytes(16),
        "HV_ERROR_BUNDLE_SIZE large": bytes(4096),
    }


def test_two_people_are_told_apart_and_whatever_is_forged_is_refused(
    port: EmulatedPort, key: SigningKey, board: str, tmp_path: Path
) -> None:
    device = hello(port)
    device.send_bundle(signed(bundle_of(ALICE, 3, board), key))
    device.send_bundle(signed(bundle_of(BOB, 1, board), key))
    people = {user_of(seed): seed for seed in (ALICE, BOB)}
    check_decisions(device, people)
    before = device.people()
    for name, bundle in forgeries(key, new_key(tmp_path / "other.pem"), board).items():
        with pytest.raises(Refusal) as caught:
            device.send_bundle(bundle)
        assert caught.value.code == Code.REFUSED
        assert f"({name.split()[0]})" in str(caught.value), name
        assert device.people() == before
    check_decisions(device, people)


def test_a_person_who_was_removed_does_not_come_back_by_the_same_bundle(
    port: EmulatedPort, key: SigningKey, board: str
) -> None:
    device = hello(port)
    device.send_bundle(signed(bundle_of(ALICE, 3, board), key))
    device.remove(user_of(ALICE).hex())
    assert device.people() == ()
    with pytest.raises(Refusal, match="HV_ERROR_BUNDLE_OLD"):
        device.send_bundle(signed(bundle_of(ALICE, 3, board), key))
    device.send_bundle(signed(bundle_of(ALICE, 4, board), key))
    port.reset()
    device = hello(port)
    check_decisions(device, {user_of(ALICE): ALICE})


def test_power_that_goes_at_any_frame_of_an_update_leaves_the_old_person_or_the_new_one(
    port: EmulatedPort, key: SigningKey, board: str
) -> None:
    """Alice's weights become Bob's under her pseudonym; each frame is the last one in turn."""
    user = user_of(ALICE)
    device = hello(port)
    device.send_bundle(signed(bundle_of(ALICE, 1, board), key))
    device.send_bundle(signed(bundle_of(BOB, 1, board), key))
    taken = 1
    cuts = 0
    for version in range(2, 5):
        fresh = dataclasses.replace(bundle_of(BOB, version, board), user_id=user)
        frames = frames_of_update(signed(fresh, key))
        for last in range(0, len(frames), 3) if version < 4 else (len(frames) - 1,):
            for frame in frames[: last + 1]:
                port.write(frame)
            port.reset()
            cuts += 1
            device = hello(port)
            found = {person.user: person.version for person in device.people()}
            assert set(found) == {user.hex(), user_of(BOB).hex()}
            assert found[user.hex()] in (taken, version)
            taken = found[user.hex()]
            check_decisions(device, {user: ALICE if taken == 1 else BOB, user_of(BOB): BOB})
    assert cuts > 5
    device.send_bundle(signed(dataclasses.replace(bundle_of(BOB, 9, board), user_id=user), key))
    check_decisions(device, {user: BOB, user_of(BOB): BOB})
