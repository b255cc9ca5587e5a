"""Emulated boards over the link: right bits, refusals, and a line that damages what it carries."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import pytest
from devices import MAKERS, BuildDevice, RunDevice
from lossy import Lossy

from codegen import reference
from codegen.bundle import read_bundle
from codegen.errors import HvError
from codegen.packing import pack_inputs
from host_tools.build import Firmware
from host_tools.link import protocol
from host_tools.link.client import Link, Refusal
from host_tools.link.device import Device
from host_tools.link.people import number_of, user_of
from host_tools.link.protocol import Code, Kind, Packet, frame_of
from host_tools.link.trace import device_tensors
from host_tools.link.transports import Transport
from host_tools.manifest import Manifest
from tests import networks
from tests.closest import closest

IMAGES = 20
BOARDS = (
    "mps2-an385",
    "mps2-an386",
    "mps2-an505",
    "mps3-an547",
    "microbit",
    "netduinoplus2",
    "stm32f4-discovery",
    "feather-f405",
    "qemu-virt32",
)


def _hello(transport: Transport, **options: float) -> Device:
    device = Device(Link(transport, **options))
    device.hello(60)
    return device


def _manifest(firmware: Firmware) -> Manifest:
    assert firmware.order.manifest is not None
    return firmware.order.manifest


def _bundle(firmware: Firmware) -> bytes:
    (path,) = _manifest(firmware).folder.glob("*.hvb")
    return path.read_bytes()


def _check_tensors(
    device: Device, firmware: Firmware, network: str, images: int = IMAGES, person: int = 0
) -> None:
    net = MAKERS[network]()
    if net.arch.is_verifier:
        given = networks.images(net.arch, images, 5)
    else:
        given = networks.samples(net.arch, images, 5)
    got = device_tensors(device, _manifest(firmware), pack_inputs(net.arch, given), person=person)
    expected = reference.run(net, given)
    assert set(got) == set(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(got[name], np.asarray(tensor), err_msg=name)


@pytest.mark.parametrize("board", BOARDS)
def test_every_tensor_of_twenty_images_is_the_references(
    build_device: BuildDevice, run_device: RunDevice, board: str
) -> None:
    firmware = build_device("conv_head", board)
    with run_device(firmware) as transport:
        device = _hello(transport)
        assert device.identity().board == board
        device.send_bundle(_bundle(firmware))
        _check_tensors(device, firmware, "conv_head")
        expected = protocol.TESTED.unpack(device.selftest())
        assert expected[1:4] == expected[4:]
        assert firmware.stack is not None
        assert 0 < device.identity().stack_used_bytes <= firmware.stack.size_bytes


@pytest.mark.parametrize(
    ("network", "board"),
    [
        ("rows", "mps2-an386"),
        ("two_inputs", "mps2-an386"),
        ("two_inputs", "stm32vldiscovery"),  # its RAM has no room for people
    ],
)
def test_rows_and_networks_without_people_too(
    build_device: BuildDevice, run_device: RunDevice, network: str, board: str
) -> None:
    firmware = build_device(network, board)
    with run_device(firmware) as transport:
        device = _hello(transport)
        if device.identity().person_bytes:
            number_of(device, _bundle(firmware), lambda _: None)
        else:
            device.selftest()
            for kind in (Kind.PEOPLE, Kind.BUNDLE_COMMIT, Kind.WHO):
                with pytest.raises(Refusal) as caught:
                    device.link.request(kind, bytes(4))
                assert caught.value.code == Code.UNKNOWN
        _check_tensors(device, firmware, network, images=4)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_line_that_damages_frames_still_gives_the_right_bits(
    build_device: BuildDevice, run_device: RunDevice, seed: int
) -> None:
    firmware = build_device()
    with run_device(firmware) as inner:
        line = Lossy(inner, seed=seed, probability=0.15)
        device = _hello(line, retry_s=0.2)
        device.send_bundle(_bundle(firmware))
        assert [person.user for person in device.people()] == [user_of(_bundle(firmware))]
        _check_tensors(device, firmware, "conv_head", images=3)
        device.remove(user_of(_bundle(firmware)))
        assert device.people() == ()
        assert line.damaged > 10
        assert device.link.retries > 0


def test_stray_bytes_before_the_first_frame_do_no_harm(
    build_device: BuildDevice, run_device: RunDevice
) -> None:
    firmware = build_device()
    with run_device(firmware) as transport:
        whole = frame_of(Packet(kind=Kind.PING, sequence=1, payload=b"abcd"))
        transport.write(bytes(range(1, 200)) + whole[: len(whole) // 2])
        assert _hello(transport).identity().people == 0


def test_a_corrupted_frame_is_refused_and_nothing_changes(
    build_device: BuildDevice, run_device: RunDevice
) -> None:
    with run_device(build_device()) as transport:
        device = _hello(transport)
        image = bytes(device.identity().image_bytes)
        frame = bytearray(
            frame_of(Packet(kind=Kind.IMAGE, sequence=9, payload=protocol.AT.pack(0) + image))
        )
        frame[-6] ^= 0x20
        transport.write(bytes(frame))
        with pytest.raises(Refusal) as caught:
            device.run()
        assert caught.value.code == Code.ORDER  # no image came
        pong = device.link.request(Kind.PING, protocol.PING.pack(3))
        assert protocol.PONG.unpack(pong)[2] == 1


def test_bundles_that_are_damaged_or_strange_are_refused_and_the_old_person_stays(
    build_device: BuildDevice, run_device: RunDevice
) -> None:
    firmware = build_device()
    bundle = _bundle(firmware)
    with run_device(firmware) as transport:
        device = _hello(transport)
        device.send_bundle(bundle)
        before = device.people()
        for place in range(0, len(bundle), 17):
            altered = bytearray(bundle)
            altered[place] ^= 4
            with pytest.raises(Refusal) as caught:
                device.send_bundle(bytes(altered))
            assert caught.value.code == Code.REFUSED
            assert caught.value.status != 0
            assert "HV_ERROR" in str(caught.value)
        for cut in (bundle[:-1], bundle[:64], bundle + bytes(16)):
            with pytest.raises(Refusal):
                device.send_bundle(cut)
        with pytest.raises(Refusal):
            device.send_bundle(bytes(device.identity().slot_bytes + 1))
        assert device.people() == before
        device.send_bundle(bundle)  # again: the same person, in place of the old bundle
        assert device.people() == before
        _check_tensors(device, firmware, "conv_head", images=1)


def test_several_people_are_kept_apart(build_device: BuildDevice, run_device: RunDevice) -> None:
    firmware = build_device()
    bundles = [_bundle_of(seed) for seed in range(2, 7)]
    with run_device(firmware) as transport:
        device = _hello(transport)
        slots = device.identity().slots
        for bundle in bundles[:slots]:
            device.send_bundle(bundle)
        with pytest.raises(Refusal) as caught:
            device.send_bundle(bundles[slots])
        assert caught.value.code == Code.FULL
        users = [user_of(bundle) for bundle in bundles[:slots]]
        assert [person.user for person in device.people()] == users
        net = networks.conv_head()
        image = networks.images(net.arch, 1, 3)
        device.send_image(image.tobytes())
        for seed, person in zip(range(2, 7), device.people(), strict=False):
            verdict = np.asarray(reference.run(networks.conv_head(seed), image)["decision"])[0]
            assert device.run(person.number).verdict == tuple(verdict)
        _check_who(device)
        device.remove(users[0])  # everybody's number changes
        assert [person.user for person in device.people()] == users[1:]
        _check_who(device)
        device.send_bundle(bundles[slots])
        assert len(device.people()) == slots
        with pytest.raises(Refusal):
            device.remove(users[0])


def _check_who(device: Device) -> None:
    """The device's choice is the closest of those who accept; somebody's and nobody's images."""
    people = device.people()
    chosen = set()
    for image in networks.images(networks.conv_head().arch, 16, 21):
        device.send_image(image.tobytes())
        who = device.who()
        assert who.people == len(people)
        verdicts = [device.run(person.number).verdict for person in people]
        judged = [
            (score, person.threshold, accepted == 1)
            for person, (score, _, accepted) in zip(people, verdicts, strict=True)
        ]
        assert who.person == closest(judged, normalised=True)
        assert who.verdict == ((0, 0, 0) if who.person is None else verdicts[who.person])
        chosen.add(who.person)
    assert len(chosen) > 1


def _bundle_of(person_seed: int) -> bytes:
    """The bundle of another person of the same kernel."""
    from codegen.emit import emit
    from codegen.schedule import schedule
    from codegen.targets import find_target

    files = emit(
        schedule(networks.conv_head(person_seed), find_target("cortex-m4")), "someone"
    ).files
    bundle = next(data for name, data in files.items() if name.endswith(".hvb"))
    assert read_bundle(bundle)
    return bundle


class Strange(IntEnum):
    REQUEST = 99


REQUESTS = [
    (Kind.PING, b"", Code.MALFORMED),
    (Kind.IMAGE, bytes(4), Code.MALFORMED),
    (Kind.IMAGE, protocol.AT.pack(2**32 - 1) + b"x", Code.RANGE),
    (Kind.IMAGE, protocol.AT.pack(8) + b"x", Code.ORDER),
    (Kind.RUN, protocol.RUN.pack(0, 0), Code.ORDER),
    (Kind.RESULT, protocol.SPAN.pack(0, 12), Code.ORDER),
    (Kind.STEP, protocol.STEP.pack(0, 0, 0), Code.ORDER),
    (Kind.TENSOR, protocol.TENSOR.pack(0, 0, 1), Code.ORDER),
    (Kind.SELFTEST, protocol.RUN.pack(0, 0), Code.RANGE),
    (Kind.BUNDLE_BEGIN, protocol.BEGIN.pack(0), Code.REFUSED),
    (Kind.BUNDLE_DATA, protocol.AT.pack(0) + b"x", Code.RANGE),
    (Kind.BUNDLE_DATA, protocol.AT.pack(16) + b"x", Code.ORDER),
    (Kind.BUNDLE_COMMIT, b"", Code.REFUSED),
    (Kind.PEOPLE, protocol.PERSON.pack(0, 0), Code.RANGE),
    (Kind.REMOVE, bytes(16), Code.RANGE),
    (Kind.WHO, b"", Code.ORDER),
    (Kind.WHO, bytes(4), Code.MALFORMED),
    (Strange.REQUEST, b"", Code.UNKNOWN),
]


def test_requests_that_make_no_sense_are_refused_each_with_its_code(
    build_device: BuildDevice, run_device: RunDevice
) -> None:
    with run_device(build_device()) as transport:
        device = _hello(transport)
        for kind, payload, code in REQUESTS:
            with pytest.raises(Refusal) as caught:
                device.link.request(kind, payload)  # type: ignore[arg-type]
            assert caught.value.code == code, (kind, payload)


def test_a_kernel_of_another_network_is_told(
    build_device: BuildDevice, run_device: RunDevice
) -> None:
    other = _manifest(build_device("rows"))
    with run_device(build_device()) as transport:
        device = _hello(transport)
        with pytest.raises(HvError, match="another kernel"):
            device_tensors(device, other, np.zeros((1, other.image_bytes), np.uint8))
