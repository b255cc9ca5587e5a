"""Frames: the C and the Python find the same packets in the same bytes, and never a wrong one."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from c_link import CLink, compiled
from hypothesis import given
from hypothesis import strategies as st

from codegen.resources import resource
from host_tools.link import protocol
from host_tools.link.protocol import ANSWER, Code, Kind, Packet, Parser, frame_of, packet_of

PAYLOADS = st.one_of(
    st.binary(max_size=256),
    # COBS turns on zeros and on runs of 254 bytes without one
    st.lists(st.sampled_from([b"\0", b"\x01", b"x" * 127, b"y" * 63]), max_size=8).map(
        lambda parts: b"".join(parts)[:256]
    ),
)
PACKETS = st.builds(
    Packet, kind=st.integers(0, 127), sequence=st.integers(0, 65535), payload=PAYLOADS
)
VECTORS = Path(__file__).parent / "link_vectors.txt"


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> type[CLink]:
    ffi, library = compiled(tmp_path_factory.mktemp("link"))

    class Fresh(CLink):
        def __init__(self) -> None:
            super().__init__(ffi, library)

    return Fresh


def _vectors() -> list[tuple[Packet, bytes]]:
    """kind, sequence, payload and frame, in hexadecimal."""
    lines = (line.split() for line in VECTORS.read_text().splitlines() if not line.startswith("#"))
    return [
        (
            Packet(
                kind=int(kind, 16), sequence=int(sequence, 16), payload=bytes.fromhex(payload[1:])
            ),
            bytes.fromhex(frame),
        )
        for kind, sequence, payload, frame in lines
    ]


def test_both_read_every_vector(make: type[CLink]) -> None:
    vectors = _vectors()
    assert len(vectors) >= 10
    for packet, frame in vectors:
        assert frame_of(packet) == frame
        assert Parser().feed(frame) == [packet]
        assert make().feed(frame) == [packet]


@given(packet=PACKETS)
def test_what_python_sends_the_c_reads(make: type[CLink], packet: Packet) -> None:
    assert make().feed(frame_of(packet)) == [packet]


@given(packet=PACKETS, data=st.binary(max_size=252), code=st.sampled_from(Code))
def test_what_the_c_answers_python_reads(
    make: type[CLink], packet: Packet, data: bytes, code: Code
) -> None:
    link = make()
    assert link.feed(frame_of(packet))
    link.take()
    link.answer(int(code), 5, data)
    sent = link.take()
    payload = protocol.VERDICT.pack(int(code), 5, 0) + data
    answer = Packet(kind=packet.kind | ANSWER, sequence=packet.sequence, payload=payload)
    assert sent == frame_of(answer)
    assert Parser().feed(sent) == [answer]


@given(packets=st.lists(PACKETS, max_size=4, unique=True), cuts=st.lists(st.integers(0, 900)))
def test_python_reads_however_the_bytes_are_cut(packets: list[Packet], cuts: list[int]) -> None:
    data = b"".join(frame_of(packet) for packet in packets)
    places = [0, *sorted(cuts), len(data)]
    parser = Parser()
    found = [
        packet
        for start, end in itertools.pairwise(places)
        for packet in parser.feed(data[start:end])
    ]
    assert found == packets


@given(noise=st.binary(max_size=600), packet=PACKETS)
def test_noise_is_no_packet_and_the_next_frame_is_read(
    make: type[CLink], noise: bytes, packet: Packet
) -> None:
    link, parser = make(), Parser()
    assert link.feed(noise + frame_of(packet)) == [packet]
    assert parser.feed(noise + frame_of(packet)) == [packet]
    assert link.refused == parser.refused


@given(packet=PACKETS, place=st.integers(0), change=st.integers(1, 255), after=PACKETS)
def test_an_altered_byte_is_refused_and_the_next_frame_is_read(
    make: type[CLink], packet: Packet, place: int, change: int, after: Packet
) -> None:
    frame = bytearray(frame_of(packet))
    frame[place % len(frame)] ^= change
    altered = bytes(frame) + frame_of(after)
    if after == packet:
        return  # the C takes the second for the first's repetition
    in_c, in_python = make().feed(altered), Parser().feed(altered)
    assert in_c == in_python
    assert in_c[-1] == after
    assert in_c[:-1] in ([], [packet])  # whole if only a delimiter in front was hit


@given(packet=PACKETS, start=st.integers(0), length=st.integers(1, 40))
def test_a_hole_is_refused(make: type[CLink], packet: Packet, start: int, length: int) -> None:
    frame = frame_of(packet)
    place = start % len(frame)
    altered = frame[:place] + frame[place + length :] + b"\0"
    expected = [packet] if altered.strip(b"\0") == frame.strip(b"\0") else []
    assert make().feed(altered) == expected
    assert Parser().feed(altered) == expected


@given(data=st.binary(max_size=1200))
def test_both_say_the_same_to_any_bytes(make: type[CLink], data: bytes) -> None:
    link, parser = make(), Parser()
    assert link.feed(data) == parser.feed(data)
    assert link.refused == parser.refused


def test_a_packet_that_is_too_large_is_refused(make: type[CLink]) -> None:
    most = Packet(kind=3, sequence=1, payload=bytes(range(256)))
    more = Packet(kind=3, sequence=2, payload=bytes(257))
    link = make()
    assert link.feed(frame_of(more) + frame_of(most)) == [most]
    assert link.refused == 1
    too_much = Packet(kind=3, sequence=3, payload=b"x" * (protocol.MOST_PAYLOAD_BYTES + 1))
    parser = Parser()
    assert parser.feed(frame_of(too_much) + frame_of(most)) == [most]
    assert parser.feed(b"x" * 10_000_000 + frame_of(most)) == [most]
    assert packet_of(frame_of(too_much).strip(b"\0")) is None


def test_a_repeated_request_gets_its_answer_again_and_is_not_reported(make: type[CLink]) -> None:
    link = make()
    frame = frame_of(Packet(kind=4, sequence=7, payload=b"1234"))
    assert len(link.feed(frame)) == 1
    first = link.take()
    assert link.feed(frame) == []
    assert link.take() == first
    assert len(link.feed(frame_of(Packet(kind=4, sequence=8, payload=b"1234")))) == 1


def test_an_answer_is_no_request(make: type[CLink]) -> None:
    link = make()
    assert link.feed(frame_of(Packet(kind=4 | ANSWER, sequence=7))) == []
    assert link.take() == b""


def test_another_version_is_told(make: type[CLink]) -> None:
    link = make()
    assert link.feed(frame_of(Packet(kind=1, sequence=7, payload=b"1234", version=2))) == []
    (answer,) = Parser().feed(link.take())
    assert (answer.kind, answer.sequence) == (1 | ANSWER, 7)
    assert protocol.VERDICT.unpack(answer.payload) == (Code.OTHER_VERSION, 0, 0)


def test_a_new_request_ends_the_answer_that_nobody_waits_for(make: type[CLink]) -> None:
    link = make()
    link.feed(frame_of(Packet(kind=4, sequence=7)))
    link.feed(frame_of(Packet(kind=4, sequence=8)))
    (answer,) = Parser().feed(link.take())
    assert answer.sequence == 8


def test_the_c_twin_has_the_same_numbers() -> None:
    text = (resource("firmware") / "runtime" / "hv_link.h").read_text()
    in_c = {name: int(number) for name, number in re.findall(r"HV_LINK_(\w+) = (\d+)", text)}
    assert in_c == {item.name: item.value for item in (*Kind, *Code)}
    assert f"#define HV_LINK_VERSION {protocol.VERSION}u" in text
    assert f"#define HV_LINK_HEADER_BYTES {protocol.HEADER.size}u" in text
    assert f"#define HV_LINK_CRC_BYTES {protocol.CRC.size}u" in text
    assert f"#define HV_LINK_VERDICT_BYTES {protocol.VERDICT.size}u" in text
    assert f"#define HV_LINK_ANSWER {protocol.ANSWER:#x}u" in text


def test_the_device_has_the_same_sizes() -> None:
    folder = resource("firmware") / "apps" / "device"
    text = "".join(path.read_text() for path in sorted(folder.glob("*.c")))
    sizes = {
        name: {int(size) for size in re.findall(rf"#define {name}_BYTES (\d+)u", text)}
        for name in ("AT", "SPAN", "RUN", "RAN", "STEP", "PIECE", "TENSOR", "IDENTITY", "PERSON")
    }
    assert sizes == {name: {getattr(protocol, name).size} for name in sizes}
    assert f"#define ENTRY_BYTES {protocol.ENTRY.size}u" in text
    assert f"#define TESTED_BYTES {protocol.TESTED.size}u" in text
