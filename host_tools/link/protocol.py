"""The bytes of the link, once. The C twin is firmware/runtime/hv_link.h; see docs/link.md.

    frame: COBS(packet), 0x00
    packet: HEADER, payload, CRC

All numbers are little-endian.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from cobs import cobs

VERSION = 1
DELIMITER = b"\0"
ANSWER = 0x80  # in an answer's kind, with the request's
LEAST_PAYLOAD_BYTES = 160  # any device takes that much
MOST_PAYLOAD_BYTES = 4096

# version, kind, sequence
HEADER = struct.Struct("<BBH")
assert HEADER.size == 4

# of everything before it
CRC = struct.Struct("<I")
assert CRC.size == 4

# code, hv_status_t, zero: how an answer's payload begins
VERDICT = struct.Struct("<BBH")
assert VERDICT.size == 4

# the asker's choice; the answer repeats it
PING = struct.Struct("<I")
# the same number, largest payload, frames refused since reset
PONG = struct.Struct("<III")

# abi, board, model, image bytes, height, width, channels, layers, result bytes, trace bytes,
# person bytes, people, slots, slot bytes, stack used
IDENTITY = struct.Struct("<32s24s24sI4HIIIHHII")
assert IDENTITY.size == 116

# offset; the bytes follow
AT = struct.Struct("<I")
# offset, length
SPAN = struct.Struct("<II")
# person, zero
RUN = struct.Struct("<HH")
# cycles, bytes of the result; as many of these as fit follow
RAN = struct.Struct("<II")
# number of the step, person, zero
STEP = struct.Struct("<IHH")
# layer, where the piece begins in its tensor, how many bytes it has
PIECE = struct.Struct("<III")
# number of the step, offset in the piece, length
TENSOR = struct.Struct("<III")
# index, zero
PERSON = struct.Struct("<HH")
# people, index, pseudonymous id, version, size in bytes, threshold as an integer
ENTRY = struct.Struct("<HH16sIIi")
# seed, expected score and norm squared and acceptance, the device's own three
TESTED = struct.Struct("<Iiiiiii")
# bytes of the bundle
BEGIN = struct.Struct("<I")
RESULT = struct.Struct("<iii")  # score, norm squared, accepted
# number of the person or NOBODY, how many people were asked, cycles, that person's RESULT
WHO = struct.Struct("<HHIiii")
assert WHO.size == 20
NOBODY = 0xFFFF


class Kind(IntEnum):
    """What is asked for."""

    PING = 1
    IDENTIFY = 2
    IMAGE = 3
    RUN = 4
    RESULT = 5
    STEP = 6
    TENSOR = 7
    SELFTEST = 8
    BUNDLE_BEGIN = 9
    BUNDLE_DATA = 10
    BUNDLE_COMMIT = 11
    BUNDLE_ABORT = 12
    PEOPLE = 13
    REMOVE = 14
    WHO = 15


class Code(IntEnum):
    """How a request went."""

    DONE = 0
    UNKNOWN = 1
    MALFORMED = 2
    RANGE = 3
    ORDER = 4
    REFUSED = 5
    FULL = 6
    OTHER_VERSION = 7


@dataclass(frozen=True, kw_only=True)
class Packet:
    """What a frame carries.

    Attributes:
        version: of the protocol.
        kind: a Kind, in an answer with ANSWER.
        sequence: 0 to 65535; an answer has its request's.
        payload: at most MOST_PAYLOAD_BYTES.
    """

    kind: int
    sequence: int
    payload: bytes = b""
    version: int = VERSION


def frame_of(packet: Packet) -> bytes:
    """The bytes on the wire: a delimiter before and behind, so that noise is no part of it."""
    body = HEADER.pack(packet.version, packet.kind, packet.sequence) + packet.payload
    encoded: bytes = cobs.encode(body + CRC.pack(zlib.crc32(body)))
    return DELIMITER + encoded + DELIMITER


def packet_of(encoded: bytes) -> Packet | None:
    """What stood between two delimiters; None for anything but a whole packet."""
    try:
        data: bytes = cobs.decode(encoded)
    except cobs.DecodeError:
        return None
    size = len(data) - CRC.size
    if not HEADER.size <= size <= HEADER.size + MOST_PAYLOAD_BYTES:
        return None
    if zlib.crc32(data[:size]) != CRC.unpack_from(data, size)[0]:
        return None
    version, kind, sequence = HEADER.unpack_from(data)
    return Packet(version=version, kind=kind, sequence=sequence, payload=data[HEADER.size : size])


class Parser:
    """Finds packets in a stream of bytes, however it is cut and whatever lies between."""

    # a frame that does not end is given up; a block of COBS has one byte more than 254
    _MOST = HEADER.size + MOST_PAYLOAD_BYTES + CRC.size
    MOST_ENCODED_BYTES = _MOST + 1 + _MOST // 254

    def __init__(self) -> None:
        self._pending = bytearray()
        self._too_long = False
        self.refused = 0

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that end within `data`."""
        packets = []
        *whole, rest = data.split(DELIMITER)
        for part in whole:
            self._take(part)
            if self._pending or self._too_long:
                packet = None if self._too_long else packet_of(bytes(self._pending))
                if packet is None:
                    self.refused += 1
                else:
                    packets.append(packet)
            self._pending.clear()
            self._too_long = False
        self._take(rest)
        return packets

    def _take(self, part: bytes) -> None:
        if self._too_long or len(self._pending) + len(part) > self.MOST_ENCODED_BYTES:
            self._too_long = True
            self._pending.clear()
            return
        self._pending += part
