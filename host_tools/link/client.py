"""Requests and answers over a transport that may lose, alter and repeat them."""

from __future__ import annotations

import re
import secrets

from codegen.errors import HvError
from codegen.resources import resource
from host_tools.link import protocol
from host_tools.link.protocol import ANSWER, VERDICT, Code, Kind, Packet, Parser, frame_of
from host_tools.link.transports import Transport

RETRY_S = 0.5  # without an answer, the request is sent again
PATIENCE_S = 10.0  # for all attempts together
_SEQUENCES = 1 << 16

_MEANINGS = {
    Code.UNKNOWN: "the device does not know this request",
    Code.MALFORMED: "the request has the wrong size",
    Code.RANGE: "there is nothing of that number or offset",
    Code.ORDER: "something has to come before this",
    Code.REFUSED: "refused",
    Code.FULL: "there is no room for one more person",
    Code.OTHER_VERSION: "the device speaks another version of the protocol",
}


class Refusal(HvError):
    """The device answered that it will not.

    Attributes:
        kind: what was asked for.
        code: the answer's code.
        status: the kernel's hv_status_t, 0 where it was not asked.
    """

    def __init__(self, kind: Kind, code: int, status: int) -> None:
        """Says what the code, or the status, means."""
        self.kind = kind
        self.code = code
        self.status = status
        known = code in Code.__members__.values()
        what = _MEANINGS.get(Code(code), "done") if known else f"unknown code {code}"
        if status:
            what = f"{what}: {status_text(status)}"
        super().__init__(what, where=f"device, {kind.name}")


class Link:
    """Asks one device, one request at a time.

    A request that gets no answer is sent again with the same sequence number: the device then
    repeats its answer and does nothing twice.

    Attributes:
        retries: how many requests were sent again.
        refused: how many frames that came were no packets.
    """

    def __init__(
        self, transport: Transport, *, retry_s: float = RETRY_S, first_sequence: int | None = None
    ) -> None:
        """Starts with a sequence number by chance, so that it is not the last one's before us."""
        self.transport = transport
        self.retries = 0
        self._retry_s = retry_s
        self._parser = Parser()
        chosen = secrets.randbelow(_SEQUENCES) if first_sequence is None else first_sequence
        self._sequence = chosen

    @property
    def refused(self) -> int:
        """How many frames that came were no packets."""
        return self._parser.refused

    def request(self, kind: Kind, payload: bytes = b"", *, patience_s: float = PATIENCE_S) -> bytes:
        """Returns the data of the answer.

        Args:
            kind: what is asked for.
            payload: as `protocol` says for that kind.
            patience_s: how long to try, in seconds.

        Raises:
            Refusal: the device answered with anything but DONE.
            HvError: no answer came in that time.
        """
        self._sequence = (self._sequence + 1) % _SEQUENCES
        frame = frame_of(Packet(kind=kind, sequence=self._sequence, payload=payload))
        give_up = self.transport.now() + patience_s
        self.transport.write(frame)
        while (answer := self._answer(kind, give_up)) is None:
            if self.transport.now() >= give_up:
                raise HvError(
                    f"no answer to {kind.name} within {patience_s:g} seconds",
                    where="device",
                    hint="is it powered, running this project's firmware, and at the right port?",
                )
            self.retries += 1
            self.transport.write(frame)
        return _data(kind, answer)

    def _answer(self, kind: Kind, give_up: float) -> bytes | None:
        """The payload of the answer, or None when it is time to ask again."""
        until = min(self.transport.now() + self._retry_s, give_up)
        while (left := until - self.transport.now()) > 0:
            for packet in self._parser.feed(self.transport.read(left)):
                is_answer = packet.kind == kind | ANSWER and packet.sequence == self._sequence
                if is_answer and len(packet.payload) >= VERDICT.size:
                    return packet.payload
        return None


def status_text(status: int) -> str:
    """What an hv_status_t means, in the words of firmware/runtime/hv_types.h."""
    text = (resource("firmware") / "runtime" / "hv_types.h").read_text(encoding="utf-8")
    found = re.search(rf"\b(HV_\w+) = {status},?\s*/\* (.*?) \*/", text)
    return f"{found[2]} ({found[1]})" if found else f"status {status}"


def _data(kind: Kind, payload: bytes) -> bytes:
    code, status, _ = protocol.VERDICT.unpack_from(payload)
    if code != Code.DONE:
        raise Refusal(kind, code, status)
    return payload[VERDICT.size :]
