"""The host's side without a board: retries, refusals, ports, recordings."""

from __future__ import annotations

import io
import json
import os
import pty
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lossy import Lossy

from codegen.errors import HvError, ProgramMissing
from host_tools.link import protocol
from host_tools.link.client import Link, Refusal, status_text
from host_tools.link.device import Device
from host_tools.link.protocol import ANSWER, VERDICT, Code, Kind, Packet, Parser, frame_of
from host_tools.link.recording import Recorder, Replay, read_recording
from host_tools.link.transports import open_port

ABI = bytes(range(32))


class Pretender:
    """A device of four lines and a transport at once; its clock stands still while nobody waits."""

    def __init__(self) -> None:
        self.handled: list[Packet] = []
        self.image = b""
        self._parser, self._sent, self._time = Parser(), bytearray(), 0.0
        self._last: tuple[Packet, bytes] | None = None

    def write(self, data: bytes) -> None:
        for packet in self._parser.feed(data):
            if self._last is None or self._last[0] != packet:
                self.handled.append(packet)
                self._last = packet, self._answer(packet)
            self._sent += self._last[1]

    def read(self, timeout_s: float) -> bytes:
        data = bytes(self._sent)
        self._sent.clear()
        self._time += 0.001 if data else timeout_s
        return data

    def now(self) -> float:
        return self._time

    def close(self) -> None:
        pass

    def _answer(self, packet: Packet) -> bytes:
        code, data = self._serve(packet)
        payload = VERDICT.pack(code, 0, 0) + data
        return frame_of(
            Packet(kind=packet.kind | ANSWER, sequence=packet.sequence, payload=payload)
        )

    def _serve(self, packet: Packet) -> tuple[Code, bytes]:
        if packet.kind == Kind.PING:
            return Code.DONE, packet.payload + bytes((160, 0, 0, 0, 0, 0, 0, 0))
        if packet.kind == Kind.IDENTIFY:
            numbers = (6, 1, 2, 3, 1, 12, 30, 8, 0, 4, 640, 100)
            return Code.DONE, protocol.IDENTITY.pack(ABI, b"board", b"model", *numbers)
        if packet.kind == Kind.IMAGE:
            (offset,) = protocol.AT.unpack_from(packet.payload)
            if offset > len(self.image):
                return Code.ORDER, b""
            self.image = self.image[:offset] + packet.payload[4:]
            return Code.DONE, b""
        if packet.kind == Kind.RUN:
            return Code.DONE, protocol.RAN.pack(7, 12) + protocol.RESULT.pack(1, 2, 0)
        return Code.UNKNOWN, b""


@given(
    seed=st.integers(0, 2**32 - 1),
    image=st.binary(min_size=1, max_size=2000),
    probability=st.sampled_from([0.0, 0.1, 0.4]),
)
def test_whatever_the_line_does_each_request_is_handled_once_and_in_order(
    seed: int, image: bytes, probability: float
) -> None:
    pretender = Pretender()
    device = Device(Link(Lossy(pretender, seed=seed, probability=probability)))
    device.hello(1000)
    device.send_image(image)
    assert pretender.image == image
    assert device.run().verdict == (1, 2, 0)
    starts = range(0, len(image), 156)
    offsets = [
        protocol.AT.unpack_from(packet.payload)[0]
        for packet in pretender.handled
        if packet.kind == Kind.IMAGE
    ]
    assert offsets == list(starts)


class Silent(Pretender):
    def write(self, data: bytes) -> None:
        self.handled.append(Packet(kind=0, sequence=0, payload=data))


def test_a_device_that_does_not_answer_is_given_up() -> None:
    silent = Silent()
    with pytest.raises(HvError, match="no answer to PING within 3 seconds") as caught:
        Device(Link(silent, retry_s=0.5)).hello(3)
    assert "powered" in caught.value.hint
    assert len({packet.payload for packet in silent.handled}) == 1  # the same frame each time
    assert 5 <= len(silent.handled) <= 8


def test_old_and_strange_answers_are_not_taken() -> None:
    pretender = Pretender()
    stale = frame_of(Packet(kind=Kind.RUN | ANSWER, sequence=4, payload=bytes(4)))
    empty = frame_of(Packet(kind=Kind.RUN | ANSWER, sequence=5))
    other = frame_of(Packet(kind=Kind.STEP | ANSWER, sequence=5, payload=bytes(4)))
    pretender._sent += stale + empty + other
    link = Link(pretender, first_sequence=4)
    assert link.request(Kind.RUN, protocol.RUN.pack(0, 0))[:4] == b"\7\0\0\0"


def test_sequence_numbers_go_round() -> None:
    pretender = Pretender()
    link = Link(pretender, first_sequence=65534)
    for _ in range(3):
        link.request(Kind.IDENTIFY)
    assert [packet.sequence for packet in pretender.handled] == [65535, 0, 1]


def test_a_refusal_says_what_the_status_means() -> None:
    assert str(Refusal(Kind.BUNDLE_COMMIT, Code.REFUSED, 6)).startswith("refused: the bytes were")
    assert "HV_ERROR_BUNDLE_CRC" in status_text(6)
    assert status_text(250) == "status 250"
    assert "unknown code 99" in str(Refusal(Kind.RUN, 99, 0))


def test_what_is_no_identity_is_refused() -> None:
    class Short(Pretender):
        def _serve(self, packet: Packet) -> tuple[Code, bytes]:
            return Code.DONE, b"x"

    device = Device(Link(Short()))
    with pytest.raises(HvError, match="an answer of 1 bytes"):
        device.identity()
    with pytest.raises(HvError, match="an answer of 1 bytes"):
        device.hello()


@pytest.mark.parametrize(
    ("port", "what"),
    [
        ("socket://localhost", "host and number are needed"),
        ("socket://localhost:99999", "not a port"),
        ("socket://127.0.0.1:1", "cannot connect"),
    ],
)
def test_ports_that_cannot_be_opened_are_told(port: str, what: str) -> None:
    with pytest.raises(HvError, match=what) as caught:
        open_port(port)
    assert caught.value.where == port


def test_a_serial_port_that_is_not_there_is_told() -> None:
    pytest.importorskip("serial", reason="pip install 'hvcodegen[link]'")
    with pytest.raises(HvError, match="cannot open the port") as caught:
        open_port("/dev/no-such-port")
    assert "list_ports" in caught.value.hint


def test_without_pyserial_a_serial_port_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "serial", None)
    with pytest.raises(ProgramMissing, match="pyserial") as caught:
        open_port("/dev/ttyACM0")
    assert "hvcodegen[link]" in caught.value.hint


def test_bytes_go_through_a_serial_port_and_its_end_is_told() -> None:
    pytest.importorskip("serial", reason="pip install 'hvcodegen[link]'")
    ours, theirs = pty.openpty()
    transport = open_port(os.ttyname(theirs))
    every = bytes(range(256))
    transport.write(every)
    seen = b""
    while len(seen) < len(every):
        seen += os.read(ours, 256)
    assert seen == every
    os.write(ours, every)
    back = b""
    while len(back) < len(every):
        part = transport.read(5)
        assert part
        back += part
    assert back == every
    assert transport.read(0.01) == b""
    os.close(ours)
    with pytest.raises(HvError, match="the serial port is gone"):
        for _ in range(3):
            transport.write(b"x")
            transport.read(0.01)
    transport.close()
    os.close(theirs)


def test_a_socket_that_is_closed_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport = open_port(f"socket://127.0.0.1:{server.getsockname()[1]}")
        connection, _ = server.accept()
        assert transport.read(0.01) == b""
        connection.close()
        with pytest.raises(HvError, match="the other end of the link is gone"):
            transport.read(1)
        transport.close()
        transport.close()


def _session(transport: object) -> tuple[object, ...]:
    device = Device(Link(transport))  # type: ignore[arg-type]
    device.hello()
    identity = device.identity()
    device.send_image(b"123456")
    ran = device.run()
    device.send_image(b"654321")
    return identity, ran, device.run(), device.link.transport.now()


def _recorded(path: Path) -> tuple[object, ...]:
    out = io.StringIO()
    recorder = Recorder(Pretender(), out)
    noted: Callable[..., None] = recorder.note
    device = Device(Link(recorder))
    device.hello()
    identity = device.identity()
    noted(image="first.png")
    device.send_image(b"123456")
    ran = device.run()
    noted(image="second.png")
    device.send_image(b"654321")
    noted(names={"ab": "alice"})
    results = identity, ran, device.run(), recorder.now()
    path.write_text(out.getvalue())
    return results


def test_a_recording_answers_as_the_device_did(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    then = _recorded(path)
    recording = read_recording(path)
    assert recording.images == (("first.png", b"123456"), ("second.png", b"654321"))
    assert recording.notes == {"names": {"ab": "alice"}}
    now = _session(Replay(recording))
    assert now[:3] == then[:3]
    assert now[3] == pytest.approx(then[3], abs=1e-5)


def test_a_recording_through_a_bad_line_is_as_good(tmp_path: Path) -> None:
    out = io.StringIO()
    recorder = Recorder(Lossy(Pretender(), seed=4, probability=0.3), out)
    expected = _session(recorder)
    path = tmp_path / "session.jsonl"
    path.write_text(out.getvalue() + '{"t": 9, "to": "00')  # the power went
    assert _session(Replay(read_recording(path)))[:3] == expected[:3]


def test_what_was_not_recorded_is_told(tmp_path: Path) -> None:
    _recorded(tmp_path / "session.jsonl")
    device = Device(Link(Replay(read_recording(tmp_path / "session.jsonl"))))
    with pytest.raises(HvError, match="the recording has no such request"):
        device.send_image(b"another image")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}\n",
        "[]\n",
        "nothing\n",
        '{"format": 2}\n',
        '{"format": 1}\n{"to": "00"}\n',
        '{"format": 1}\n{"t": 1, "to": "xy"}\n',
        '{"format": 1}\n{"t": 1, "note": 4}\n',
    ],
)
def test_what_is_no_recording_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "session.jsonl"
    path.write_text(text)
    with pytest.raises(HvError, match="no recording"):
        read_recording(path)


def test_every_line_of_a_recording_is_json(tmp_path: Path) -> None:
    _recorded(tmp_path / "session.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "session.jsonl").read_text().splitlines()]
    assert lines[0] == {"format": 1}
    assert {key for line in lines[1:] for key in line} == {"t", "to", "from", "note"}
