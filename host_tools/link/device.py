"""A device as it looks from here: who it is, whom it knows, what it says to an image."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen.errors import HvError
from host_tools.link import protocol
from host_tools.link.client import Link
from host_tools.link.protocol import Kind

HELLO_S = 15.0  # a board may just have been powered
LONG_S = 120.0  # one inference on the slowest core here, or the erasure of flash
_NO_PERSON = 0  # the number that a network without people takes


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a device says about itself.

    Attributes:
        abi: hash of its kernel's architecture and contract, 64 hexadecimal characters.
        board: the board it was built for.
        model: the architecture's name.
        image_bytes: size of one image.
        image_shape: height, width, channels; zeros for a network that is no verifier.
        layers: how many its kernel has.
        result_bytes: size of what it answers to an image.
        trace_bytes: size of all layers' tensors.
        person_bytes: size of one person's weights; 0 for a network without people.
        people: how many it knows.
        slots: how many it can know.
        slot_bytes: the largest bundle it takes.
        stack_used_bytes: the deepest its stack has been since reset.
    """

    abi: str
    board: str
    model: str
    image_bytes: int
    image_shape: tuple[int, int, int]
    layers: int
    result_bytes: int
    trace_bytes: int
    person_bytes: int
    people: int
    slots: int
    slot_bytes: int
    stack_used_bytes: int


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody a device knows.

    Attributes:
        number: what to ask for; changes when others are removed.
        user: pseudonymous id, 32 hexadecimal characters.
        version: of the bundle.
        size_bytes: of the bundle; 0: it is damaged, and the person is not used.
        threshold: as an integer, as the bundle says.
    """

    number: int
    user: str
    version: int
    size_bytes: int
    threshold: int

    @property
    def is_damaged(self) -> bool:
        """Whether the device found other bytes in flash than were written."""
        return self.size_bytes == 0


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One inference.

    Attributes:
        result: what the kernel answered, bytes.
        cycles: of the core; 0 where the board has no counter.
    """

    result: bytes
    cycles: int

    @property
    def verdict(self) -> tuple[int, int, int]:
        """Score, norm squared and acceptance, of a verifier."""
        score, norm_squared, accepted = protocol.RESULT.unpack(self.result)
        return score, norm_squared, accepted


@dataclass(frozen=True, kw_only=True)
class Who:
    """Whose image it is, of everybody on the device.

    Attributes:
        person: the number; None: nobody's.
        people: how many there are.
        cycles: of the core, for all of them; 0 where the board has no counter.
        verdict: score, norm squared and acceptance of that person; zeros of nobody.
    """

    person: int | None
    people: int
    cycles: int
    verdict: tuple[int, int, int]


class Device:
    """One device, after `hello`."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._data_bytes = protocol.LEAST_PAYLOAD_BYTES - protocol.VERDICT.size

    def hello(self, patience_s: float = HELLO_S) -> None:
        """Waits until it answers, and learns how much it takes at once.

        Raises:
            HvError: no answer, or one that makes no sense.
        """
        asked = secrets.randbits(32)
        data = self.link.request(Kind.PING, protocol.PING.pack(asked), patience_s=patience_s)
        same, payload_bytes, _ = _unpack(protocol.PONG, data)
        sizes = range(protocol.LEAST_PAYLOAD_BYTES, protocol.MOST_PAYLOAD_BYTES + 1)
        if same != asked or payload_bytes not in sizes:
            raise HvError(f"the device answers PING with {data.hex()}", where="device")
        self._data_bytes = payload_bytes - protocol.VERDICT.size

    def identity(self) -> Identity:
        """Asks who it is."""
        values = _unpack(protocol.IDENTITY, self.link.request(Kind.IDENTIFY))
        abi, board, model, image_bytes, height, width, channels, *rest = values
        layers, result_bytes, trace_bytes, person_bytes, people, slots, slot_bytes, stack = rest
        return Identity(
            abi=abi.hex(),
            board=_text(board),
            model=_text(model),
            image_bytes=image_bytes,
            image_shape=(height, width, channels),
            layers=layers,
            result_bytes=result_bytes,
            trace_bytes=trace_bytes,
            person_bytes=person_bytes,
            people=people,
            slots=slots,
            slot_bytes=slot_bytes,
            stack_used_bytes=stack,
        )

    def people(self) -> tuple[Person, ...]:
        """Asks whom it knows."""
        count = self.identity().people
        return tuple(self._person(number) for number in range(count))

    def send_image(self, image: bytes) -> None:
        """Sends an image, which stays until the next one."""
        self._send(Kind.IMAGE, image)

    def run(self, person: int = _NO_PERSON) -> Ran:
        """Runs the whole network on the image."""
        request = protocol.RUN.pack(person, 0)
        data = self.link.request(Kind.RUN, request, patience_s=LONG_S)
        cycles, result_bytes = _unpack(protocol.RAN, data[: protocol.RAN.size])
        result = data[protocol.RAN.size :]
        while len(result) < result_bytes:
            length = min(self._data_bytes, result_bytes - len(result))
            span = protocol.SPAN.pack(len(result), length)
            result += _exactly(self.link.request(Kind.RESULT, span), length)
        return Ran(result=result, cycles=cycles)

    def who(self) -> Who:
        """Runs everybody on the image: shared layers once, each person's own layers once."""
        data = self.link.request(Kind.WHO, patience_s=LONG_S)
        person, people, cycles, *verdict = _unpack(protocol.WHO, data)
        score, norm_squared, accepted = verdict
        return Who(
            person=None if person == protocol.NOBODY else person,
            people=people,
            cycles=cycles,
            verdict=(score, norm_squared, accepted),
        )

    def pieces(self, person: int = _NO_PERSON) -> Iterator[tuple[int, int, bytes]]:
        """Runs the network step by step: (layer, offset in its tensor, bytes) of each step."""
        layers = self.identity().layers
        number = 0
        while True:
            step = protocol.STEP.pack(number, person, 0)
            data = self.link.request(Kind.STEP, step, patience_s=LONG_S)
            layer, offset, size = _unpack(protocol.PIECE, data)
            if layer == layers:
                return
            yield layer, offset, self._piece(number, size)
            number += 1

    def selftest(self, person: int = _NO_PERSON) -> bytes:
        """Runs the known answer; of a verifier, seven numbers as `protocol.TESTED` says.

        Raises:
            Refusal: a network's layer gave other bytes.
        """
        return self.link.request(Kind.SELFTEST, protocol.RUN.pack(person, 0), patience_s=LONG_S)

    def send_bundle(self, bundle: bytes) -> None:
        """Sends a person's bundle and has it taken in.

        Raises:
            Refusal: the device refused it; everybody on it stays as before.
        """
        self.link.request(Kind.BUNDLE_BEGIN, protocol.BEGIN.pack(len(bundle)), patience_s=LONG_S)
        self._send(Kind.BUNDLE_DATA, bundle)
        self.link.request(Kind.BUNDLE_COMMIT, patience_s=LONG_S)

    def remove(self, user: str) -> None:
        """Has it forget a person, by the pseudonymous id in hexadecimal."""
        self.link.request(Kind.REMOVE, bytes.fromhex(user), patience_s=LONG_S)

    def _person(self, number: int) -> Person:
        data = self.link.request(Kind.PEOPLE, protocol.PERSON.pack(number, 0))
        _, index, user, version, size, threshold = _unpack(protocol.ENTRY, data)
        return Person(
            number=index,
            user=user.hex(),
            version=version,
            size_bytes=size,
            threshold=threshold,
        )

    def _piece(self, number: int, size_bytes: int) -> bytes:
        piece = b""
        while len(piece) < size_bytes:
            length = min(self._data_bytes, size_bytes - len(piece))
            request = protocol.TENSOR.pack(number, len(piece), length)
            piece += _exactly(self.link.request(Kind.TENSOR, request), length)
        return piece

    def _send(self, kind: Kind, data: bytes) -> None:
        """Sends data in order, each part with its offset."""
        most = self._data_bytes  # as much less than the payload as AT is large
        for start in range(0, len(data), most):
            part = data[start : start + most]
            self.link.request(kind, protocol.AT.pack(start) + part, patience_s=LONG_S)


def _unpack(layout: struct.Struct, data: bytes) -> tuple[Any, ...]:
    """Raises HvError for an answer of another size."""
    return layout.unpack(_exactly(data, layout.size))


def _exactly(data: bytes, size_bytes: int) -> bytes:
    if len(data) != size_bytes:
        raise HvError(f"an answer of {len(data)} bytes, {size_bytes} were expected", where="device")
    return data


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("utf-8", errors="replace")


assert protocol.AT.size == protocol.VERDICT.size
