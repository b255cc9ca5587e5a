"""A person's bundle, `.hvb`: what travels to a device. The C reader is hv_bundle.c; docs/bundle.md.

    header (80 bytes), records, a signature (64 bytes) or none, trailer (16 bytes)
    each record: header (16 bytes), payload, zeros to 16 bytes

Little-endian. Payloads are 16-byte aligned, so the tensors run in place from flash. No name and
no photograph is inside. The CRC finds accidents; the signature, Ed25519 over everything before it,
keeps forgers out.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from codegen.errors import HvError

MAGIC = b"HVB2"
FORMAT = 2
KERNEL_ABI = 1  # how a kernel finds its tensors in a bundle; hv_bundle.h, HV_BUNDLE_KERNEL_ABI
ALIGNMENT_BYTES = 16
SIGNED = 1  # the only flag

# magic, format, header bytes, total bytes, flags, kernel abi, records, version, threshold,
# abi, user
HEADER = struct.Struct("<4sHHIIIIIi32s16s")
assert HEADER.size == 80

# tag, payload bytes, reserved
RECORD = struct.Struct("<4sI8s")
assert RECORD.size == 16

SIGNATURE_BYTES = 64

# reserved, CRC-32 of everything before it
TRAILER = struct.Struct("<12sI")
assert TRAILER.size == 16
CRC_BYTES = 4

TAG_TENSORS = b"TENS"  # byte image of the person's struct: personal tensors only
TAG_ANSWER = b"KNOW"  # known answer: see KNOWN_ANSWER

# seed of the test image, expected score, norm_squared, accepted
KNOWN_ANSWER = struct.Struct("<Iiii")
assert KNOWN_ANSWER.size == 16

USER_BYTES = 16
HIGHEST_VERSION = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Record:
    """One tagged payload."""

    tag: bytes
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle's content.

    Attributes:
        abi: hash of the architecture and the contract, 32 bytes (`layout.abi_hash`).
        user_id: the person's pseudonym, 16 bytes.
        version: 1 to 2^32 - 1, higher for each new bundle of the same person.
        threshold: of the decision; a copy for people, the kernel uses the one in the tensors.
        records: the payloads.
        signature: 64 bytes by somebody's key over everything before it, or None.
    """

    abi: bytes
    user_id: bytes = bytes(USER_BYTES)
    version: int = 1
    threshold: int = 0
    records: tuple[Record, ...] = ()
    signature: bytes | None = None

    def payload(self, tag: bytes) -> bytes:
        """The payload of the record of that tag."""
        for record in self.records:
            if record.tag == tag:
                return record.payload
        raise HvError(f"the bundle has no {tag.decode('ascii', 'replace')} record")


def write_bundle(bundle: Bundle) -> bytes:
    """The bundle's bytes."""
    content = _content(bundle, signed=bundle.signature is not None) + (bundle.signature or b"")
    content += bytes(TRAILER.size - CRC_BYTES)
    return content + zlib.crc32(content).to_bytes(CRC_BYTES, "little")


def sign_bundle(bundle: Bundle, sign: Callable[[bytes], bytes]) -> Bundle:
    """The same with a signature; `sign` gives the 64 bytes for a message."""
    return dataclasses.replace(bundle, signature=sign(signed_bytes(bundle)))


def signed_bytes(bundle: Bundle) -> bytes:
    """What a signature of the bundle covers: everything before it."""
    return _content(bundle, signed=True)


def read_bundle(data: bytes, where: str = "bundle") -> Bundle:
    """Parses and checks a bundle; anything but exactly what `write_bundle` wrote is refused.

    Whose signature it is, if there is one, is not checked (`signing.is_signed_by`).
    """
    if data[: len(MAGIC)] != MAGIC:
        older = data[:3] == MAGIC[:3]
        raise HvError(
            "this is a bundle of another format" if older else "this is no hvcodegen bundle",
            where=where,
            hint=f"this program reads format {FORMAT}: emit it again"
            if older
            else "expected a .hvb file",
        )
    if len(data) < HEADER.size + TRAILER.size:
        raise HvError(f"the bundle is truncated: {len(data)} bytes", where=where, hint=_AGAIN)
    _check_size(data, where)
    _check_crc(data, where)
    bundle = _parsed(data, where)
    if write_bundle(bundle) != data:
        raise HvError("the bundle's reserved bytes are not zero", where=where, hint=_AGAIN)
    return bundle


_AGAIN = "copy or emit it again"


def _check_size(data: bytes, where: str) -> None:
    _, version, header_bytes, total, *_ = HEADER.unpack_from(data)
    if version != FORMAT or header_bytes != HEADER.size:
        raise HvError(
            f"bundle format {version} is not supported",
            where=where,
            hint=f"this program reads format {FORMAT}; emit the bundle again",
        )
    if len(data) != total:
        raise HvError(
            f"the bundle is truncated or has bytes behind it: {len(data)} bytes, "
            f"its header says {total}",
            where=where,
            hint=_AGAIN,
        )


def _check_crc(data: bytes, where: str) -> None:
    said = int.from_bytes(data[-CRC_BYTES:], "little")
    if zlib.crc32(data[:-CRC_BYTES]) != said:
        raise HvError("the bundle was altered: its CRC differs", where=where, hint=_AGAIN)


def _parsed(data: bytes, where: str) -> Bundle:
    _, _, _, total, flags, kernel_abi, count, version, threshold, abi, user_id = HEADER.unpack_from(
        data
    )
    if flags & ~SIGNED:
        raise HvError(f"the bundle has unknown flags: {flags:#x}", where=where, hint=_AGAIN)
    end = total - TRAILER.size - (SIGNATURE_BYTES if flags else 0)
    if end < HEADER.size:
        raise HvError("the bundle has no room for its signature", where=where, hint=_AGAIN)
    if kernel_abi != KERNEL_ABI:
        raise HvError(
            f"the bundle is for kernels of ABI {kernel_abi}",
            where=where,
            hint=f"this program makes and reads those of {KERNEL_ABI}",
        )
    return Bundle(
        abi=abi,
        user_id=user_id,
        version=version,
        threshold=threshold,
        records=_records(data[:end], count, where),
        signature=data[end : end + SIGNATURE_BYTES] if flags else None,
    )


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


def _content(bundle: Bundle, *, signed: bool) -> bytes:
    """Header and records."""
    body = b"".join(
        RECORD.pack(record.tag, len(record.payload), bytes(8)) + _padded(record.payload)
        for record in bundle.records
    )
    tail_bytes = TRAILER.size + (SIGNATURE_BYTES if signed else 0)
    return (
        HEADER.pack(
            MAGIC,
            FORMAT,
            HEADER.size,
            HEADER.size + len(body) + tail_bytes,
            SIGNED if signed else 0,
            KERNEL_ABI,
            len(bundle.records),
            bundle.version,
            bundle.threshold,
            bundle.abi,
            bundle.user_id,
        )
        + body
    )


def _padded(payload: bytes) -> bytes:
    return payload + bytes(-len(payload) % ALIGNMENT_BYTES)
