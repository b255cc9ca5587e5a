"""A session with a device as JSON lines, and a device that is nothing but such a recording.

    {"format": 1}
    {"t": 0.01, "to": "00..."}          bytes to the device, in hexadecimal
    {"t": 0.02, "from": "00..."}        bytes from it
    {"t": 0.03, "note": {"image": "obama.jpg"}}

The replayed device answers each request with what was answered then, and its clock is that of then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from codegen.errors import HvError
from host_tools.link.protocol import ANSWER, AT, PING, VERDICT, Kind, Packet, Parser, frame_of
from host_tools.link.transports import Transport

FORMAT = 1


class Recorder:
    """A transport that writes down everything that goes through it."""

    def __init__(self, inner: Transport, out: TextIO) -> None:
        self._inner, self._out = inner, out
        self._begun = inner.now()
        self._write_line({"format": FORMAT})

    def note(self, **facts: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Writes down something that is no frame."""
        self._write_line({"t": self._time(), "note": facts})

    def write(self, data: bytes) -> None:
        """See `Transport`."""
        self._write_line({"t": self._time(), "to": data.hex()})
        self._inner.write(data)

    def read(self, timeout_s: float) -> bytes:
        """See `Transport`."""
        data = self._inner.read(timeout_s)
        if data:
            self._write_line({"t": self._time(), "from": data.hex()})
        return data

    def now(self) -> float:
        """See `Transport`."""
        return self._inner.now()

    def close(self) -> None:
        """See `Transport`."""
        self._inner.close()

    def _time(self) -> float:
        return round(self._inner.now() - self._begun, 6)

    def _write_line(self, line: Mapping[str, Any]) -> None:
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request that was answered, and when both were seen, in seconds."""

    request: Packet
    answer: Packet
    asked_s: float
    answered_s: float


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A session.

    Attributes:
        exchanges: in order.
        images: what was sent after each note of an image: (its name, its bytes).
        notes: what else was noted, later ones over earlier ones.
    """

    exchanges: tuple[Exchange, ...]
    images: tuple[tuple[str, bytes], ...]
    notes: Mapping[str, Any]


def read_recording(path: Path) -> Recording:
    """Reads a session; a last line that was cut off, as by a power failure, is left out.

    Raises:
        HvError: it is no recording.
    """
    try:
        text = path.read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]
        if not lines or lines[0] != {"format": FORMAT}:
            raise ValueError("its first line does not say so")
        return _collect(lines[1:])
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HvError(
            f"this is no recording of a session: {error}",
            where=str(path),
            hint="`hvcodegen stream --record FILE` makes one",
        ) from error


class Replay:
    """A device that answers as it did in a recording; a transport."""

    def __init__(self, recording: Recording) -> None:
        self._left = iter(recording.exchanges)
        self._parser = Parser()
        self._waiting = bytearray()
        self._now = 0.0
        self._next = 0.0

    def write(self, data: bytes) -> None:
        """Takes requests; each must be one of the recording, and later than the one before.

        Raises:
            HvError: it is not.
        """
        for packet in self._parser.feed(data):
            exchange = self._find(packet)
            payload = exchange.answer.payload
            if packet.kind == Kind.PING:  # its number is drawn anew for each session
                start = VERDICT.size + PING.size
                payload = payload[: VERDICT.size] + packet.payload + payload[start:]
            self._waiting += frame_of(
                Packet(kind=exchange.answer.kind, sequence=packet.sequence, payload=payload)
            )
            self._now, self._next = exchange.asked_s, exchange.answered_s

    def read(self, timeout_s: float) -> bytes:
        """See `Transport`."""
        if not self._waiting:
            self._now += timeout_s
            return b""
        data = bytes(self._waiting)
        self._waiting.clear()
        self._now = self._next
        return data

    def now(self) -> float:
        """See `Transport`."""
        return self._now

    def close(self) -> None:
        """See `Transport`."""

    def _find(self, packet: Packet) -> Exchange:
        for exchange in self._left:
            request = exchange.request
            if packet.kind == request.kind and packet.kind == Kind.PING:
                return exchange
            if (packet.kind, packet.payload) == (request.kind, request.payload):
                return exchange
        raise HvError(
            f"the recording has no such request: kind {packet.kind}",
            where="replayed device",
            hint="replay it with the options it was recorded with",
        )


def _collect(lines: list[Mapping[str, Any]]) -> Recording:
    exchanges, notes = [], {}
    images: list[tuple[str, bytearray]] = []
    asked: dict[tuple[int, int], tuple[Packet, float]] = {}
    to_device, from_device = Parser(), Parser()
    for line in lines:
        time = float(line["t"])
        for packet in to_device.feed(bytes.fromhex(line.get("to", ""))):
            key = packet.kind, packet.sequence
            if key not in asked:
                asked[key] = packet, time
        for answer in from_device.feed(bytes.fromhex(line.get("from", ""))):
            key = answer.kind & ~ANSWER, answer.sequence
            if key in asked:
                request, then = asked.pop(key)
                exchanges.append(
                    Exchange(request=request, answer=answer, asked_s=then, answered_s=time)
                )
                _add_part(images, request)
        for name, value in line.get("note", {}).items():
            if name == "image":
                images.append((str(value), bytearray()))
            else:
                notes[name] = value
    return Recording(
        exchanges=tuple(exchanges),
        images=tuple((name, bytes(data)) for name, data in images),
        notes=notes,
    )


def _add_part(images: list[tuple[str, bytearray]], request: Packet) -> None:
    if images and request.kind == Kind.IMAGE:
        (offset,) = AT.unpack_from(request.payload)
        images[-1][1][offset:] = request.payload[AT.size :]
