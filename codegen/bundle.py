"""A person's bundle, `.hvb`: what travels to a device. The C reader is hv_bundle.c.

    header (64 bytes), then records; each record: header (16 bytes), payload, zeros to 16 bytes

Little-endian. Payloads are 16-byte aligned, so the tensors run in place from flash. No name and
no photograph is inside. The CRC finds accidents; it does not keep a forger out.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from codegen.errors import HvError

MAGIC = b"HVB1"
VERSION = 1
ALIGNMENT_BYTES = 16

# magic, version, header bytes, total bytes, records, abi, reserved, crc32 (of all other bytes)
HEADER = struct.Struct("<4sHHII32s12sI")
assert HEADER.size == 64
CRC_OFFSET = 60

# tag, payload bytes, reserved
RECORD = struct.Struct("<4sI8s")
assert RECORD.size == 16

TAG_TENSORS = b"TENS"  # byte image of the person's struct
TAG_PERSON = b"PSID"  # 16 bytes: pseudonymous id, made from the tensors
TAG_ANSWER = b"KNOW"  # known answer: see KNOWN_ANSWER

# seed of the test image, expected score, norm_squared, accepted
KNOWN_ANSWER = struct.Struct("<Iiii")
assert KNOWN_ANSWER.size == 16


@dataclass(frozen=True, kw_only=True)
class Record:
    """One tagged payload."""

    tag: bytes
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle's content."""

    abi: bytes
    records: tuple[Record, ...]

    def payload(self, tag: bytes) -> bytes:
        """The payload of the record of that tag."""
        for record in self.records:
            if record.tag == tag:
                return record.payload
        raise HvError(f"the bundle has no {tag.decode('ascii', 'replace')} record")


def write_bundle(bundle: Bundle) -> bytes:
    """The bundle's bytes."""
    body = b"".join(
        RECORD.pack(record.tag, len(record.payload), bytes(8)) + _padded(record.payload)
        for record in bundle.records
    )
    total = HEADER.size + len(body)
    fields = (MAGIC, VERSION, HEADER.size, total, len(bundle.records), bundle.abi, bytes(12))
    crc = zlib.crc32(body, zlib.crc32(HEADER.pack(*fields, 0)[:CRC_OFFSET]))
    return HEADER.pack(*fields, crc) + body


def read_bundle(data: bytes, where: str = "bundle") -> Bundle:
    """Parses and checks a bundle; anything but exactly what `write_bundle` wrote is refused."""
    if len(data) < HEADER.size or data[:4] != MAGIC:
        raise HvError("this is no hvcodegen bundle", where=where, hint="expected a .hvb file")
    _, version, header_bytes, total, count, abi, reserved, crc = HEADER.unpack_from(data)
    if version != VERSION or header_bytes != HEADER.size:
        raise HvError(
            f"bundle format {version} is not supported",
            where=where,
            hint=f"this program reads format {VERSION}; emit the bundle again",
        )
    if len(data) != total:
        raise HvError(
            f"the bundle is truncated or has bytes behind it: {len(data)} bytes, "
            f"its header says {total}",
            where=where,
            hint="copy or emit it again",
        )
    if zlib.crc32(data[HEADER.size :], zlib.crc32(data[:CRC_OFFSET])) != crc or any(reserved):
        raise HvError("the bundle was altered: its CRC differs", where=where, hint="emit it again")
    bundle = Bundle(abi=abi, records=_records(data, count, where))
    if write_bundle(bundle) != data:
        raise HvError("the bundle's reserved bytes are not zero", where=where, hint="emit it again")
    return bundle


def _records(data: bytes, count: int, where: str) -> tuple[Record, ...]:
    records, offset = [], HEADER.size
    for _ in range(count):
        if offset + RECORD.size > len(data):
            raise HvError("a record lies behind the bundle's end", where=where)
        tag, size, _ = RECORD.unpack_from(data, offset)
        offset += RECORD.size
        if size > len(data) - offset:
            raise HvError("a record's payload leaves the bundle", where=where)
        records.append(Record(tag=tag, payload=data[offset : offset + size]))
        offset += size + (-size % ALIGNMENT_BYTES)
    if offset != len(data):
        raise HvError("there are bytes behind the last record", where=where)
    return tuple(records)


def _padded(payload: bytes) -> bytes:
    return payload + bytes(-len(payload) % ALIGNMENT_BYTES)
