"""Bundles: round trips, every truncation, every flipped bit; Python and C on the same vectors."""

from __future__ import annotations

import ctypes
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.bundle import (
    CRC_OFFSET,
    HEADER,
    KNOWN_ANSWER,
    MAGIC,
    TAG_ANSWER,
    TAG_PERSON,
    TAG_TENSORS,
    Bundle,
    Record,
    read_bundle,
    write_bundle,
)
from codegen.errors import HvError
from tests.c_host import RUNTIME, SANITISERS, compiler, run, shared_library

SMALL = Bundle(
    abi=bytes(range(32)),
    records=(
        Record(tag=TAG_PERSON, payload=b"0123456789abcdef"),
        Record(tag=TAG_TENSORS, payload=bytes(range(5, 42))),
        Record(tag=TAG_ANSWER, payload=KNOWN_ANSWER.pack(7, -3, 2**31 - 1, 1)),
    ),
)

STATUS_OK, TRUNCATED, FORMAT, CRC = 0, 4, 5, 6

records = st.lists(
    st.builds(
        lambda tag, payload: Record(tag=tag, payload=payload),
        st.binary(min_size=4, max_size=4),
        st.binary(max_size=70),
    ),
    max_size=5,
)


@given(st.binary(min_size=32, max_size=32), records)
def test_round_trip(abi: bytes, content: list[Record]) -> None:
    bundle = Bundle(abi=abi, records=tuple(content))
    data = write_bundle(bundle)
    assert read_bundle(data) == bundle
    assert len(data) % 16 == 0
    for record in content:
        assert bundle.payload(record.tag) == next(r.payload for r in content if r.tag == record.tag)


def test_payloads_are_aligned_to_run_in_place() -> None:
    data = write_bundle(SMALL)
    for record in SMALL.records:
        assert data.index(record.payload) % 16 == 0


def test_every_truncation_and_extension_is_refused() -> None:
    data = write_bundle(SMALL)
    for size in range(len(data)):
        with pytest.raises(HvError):
            read_bundle(data[:size])
    with pytest.raises(HvError, match="bytes behind it"):
        read_bundle(data + b"\0")


def test_every_flipped_bit_is_refused() -> None:
    data = write_bundle(SMALL)
    for position in range(8 * len(data)):
        with pytest.raises(HvError):
            read_bundle(_flipped(data, position))


def test_a_right_crc_does_not_excuse_a_wrong_bundle() -> None:
    """Anything but what write_bundle wrote: reserved fields, padding, sizes, counts."""
    data = write_bundle(SMALL)
    for position in range(8 * len(data)):
        if position // 8 in range(CRC_OFFSET, HEADER.size):
            continue
        changed = _mended(_flipped(data, position))
        try:
            bundle = read_bundle(changed)
        except HvError:
            continue
        assert write_bundle(bundle) == changed, f"byte {position // 8}"


def test_messages_say_what_is_wrong() -> None:
    data = write_bundle(SMALL)
    with pytest.raises(HvError, match="no hvcodegen bundle"):
        read_bundle(b"\xff\xd8\xff\xe0 a photograph" * 9)
    newer = _mended(data[:4] + b"\x02" + data[5:])
    with pytest.raises(HvError, match="format 2 is not supported"):
        read_bundle(newer)
    with pytest.raises(HvError, match="truncated"):
        read_bundle(data[:-1])
    with pytest.raises(HvError, match="CRC differs"):
        read_bundle(data[:-1] + b"\x01")
    with pytest.raises(HvError, match="no TENS record"):
        Bundle(abi=bytes(32), records=()).payload(TAG_TENSORS)


def test_the_format_is_pinned() -> None:
    """A device in the field reads what was written years ago."""
    data = write_bundle(Bundle(abi=bytes(32), records=(Record(tag=b"ABCD", payload=b"xyz"),)))
    assert data.hex() == (
        "48564231" "0100" "4000" "60000000" "01000000" + "00" * 32 + "00" * 12 + data[60:64].hex()
        + "41424344" "03000000" + "00" * 8 + "78797a" + "00" * 13
    )  # fmt: skip
    assert data[:4] == MAGIC
    assert int.from_bytes(data[60:64], "little") == zlib.crc32(data[64:], zlib.crc32(data[:60]))


def test_c_reader_gives_the_same_answers(tmp_path: Path) -> None:
    """Shared vectors: what each kind of damage is called."""
    library = ctypes.CDLL(
        str(shared_library(RUNTIME / "hv_bundle.c", tmp_path, str(RUNTIME / "hv_crc.c")))
    )
    data = write_bundle(SMALL)
    assert _open(library, data) == STATUS_OK
    assert _open(library, data[:63]) == TRUNCATED
    assert _open(library, data[:-1]) == TRUNCATED
    assert _open(library, data + bytes(40)) == STATUS_OK  # a flash page behind it does not matter
    assert _open(library, b"X" + data[1:]) == FORMAT
    assert _open(library, _mended(data[:4] + b"\x02" + data[5:])) == FORMAT
    assert _open(library, _flipped(data, 8 * 100)) == CRC
    assert _open(library, data, shift=4) == 2  # HV_ERROR_ALIGNMENT
    assert library.hv_bundle_open(None, 100, None) == 1  # HV_ERROR_ARGUMENT
    checked = _find(library, data, TAG_TENSORS)
    assert checked == SMALL.payload(TAG_TENSORS)
    assert _find(library, data, b"NONE") is None


def test_c_crc_is_the_standard_one(tmp_path: Path) -> None:
    library = ctypes.CDLL(
        str(shared_library(RUNTIME / "hv_bundle.c", tmp_path, str(RUNTIME / "hv_crc.c")))
    )
    library.hv_crc32.restype = ctypes.c_uint32
    noise = np.random.default_rng(1).bytes(1000)
    for data in (b"", b"123456789", noise):
        assert library.hv_crc32(0, data, len(data)) == zlib.crc32(data)
    assert library.hv_crc32(0, b"123456789", 9) == 0xCBF43926  # the check value of the catalogues
    assert library.hv_crc32(zlib.crc32(noise[:77]), noise[77:], 923) == zlib.crc32(noise)


def test_c_reader_survives_and_refuses_all_damage(tmp_path: Path) -> None:
    """Under ASan and UBSan: nothing is read outside, and only what Python accepts is accepted."""
    data = write_bundle(SMALL)
    (tmp_path / "small.hvb").write_bytes(data)
    probe = tmp_path / "probe"
    source = Path(__file__).parent / "c" / "bundle_probe.c"
    flags = (*SANITISERS, "-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-I", RUNTIME)
    run(
        [
            compiler("gcc"),
            *flags,
            source,
            RUNTIME / "hv_bundle.c",
            RUNTIME / "hv_crc.c",
            "-o",
            probe,
        ]
    )
    said = run([probe, tmp_path / "small.hvb"])
    counts = {name: int(n) for name, n in re.findall(r"(\w+) (\d+)", said)}
    assert counts["whole"] == 1
    assert counts["truncated"] == 0
    assert counts["flipped"] == 0
    assert counts["mended"] == _accepted_by_python(data)


def _accepted_by_python(data: bytes) -> int:
    accepted = 0
    for position in range(len(data)):
        flips = [_flipped(data, 8 * position + bit) for bit in range(8)]
        for changed in (*flips, data[:position] + b"\xff" + data[position + 1 :]):
            try:
                read_bundle(_mended(changed))
            except HvError:
                continue
            accepted += 1
    return accepted


def _flipped(data: bytes, position: int) -> bytes:
    changed = bytearray(data)
    changed[position // 8] ^= 1 << (position % 8)
    return bytes(changed)


def _mended(data: bytes) -> bytes:
    crc = zlib.crc32(data[HEADER.size :], zlib.crc32(data[:CRC_OFFSET]))
    return data[:CRC_OFFSET] + crc.to_bytes(4, "little") + data[HEADER.size :]


class _Opened(ctypes.Structure):
    _fields_ = (
        ("bytes", ctypes.c_void_p),
        ("size_bytes", ctypes.c_uint32),
        ("records", ctypes.c_uint32),
    )


def _aligned(data: bytes, shift: int = 0) -> tuple[object, int]:
    room = ctypes.create_string_buffer(len(data) + 32)
    start = -ctypes.addressof(room) % 16 + shift
    ctypes.memmove(ctypes.addressof(room) + start, data, len(data))
    return room, ctypes.addressof(room) + start


def _open(library: ctypes.CDLL, data: bytes, shift: int = 0) -> int:
    room, address = _aligned(data, shift)
    opened = _Opened()
    status = int(library.hv_bundle_open(ctypes.c_void_p(address), len(data), ctypes.byref(opened)))
    del room
    return status


def _find(library: ctypes.CDLL, data: bytes, tag: bytes) -> bytes | None:
    room, address = _aligned(data)
    opened, payload, size = _Opened(), ctypes.c_void_p(), ctypes.c_uint32()
    library.hv_bundle_open(ctypes.c_void_p(address), len(data), ctypes.byref(opened))
    number = int.from_bytes(tag, "little")
    status = library.hv_bundle_find(
        ctypes.byref(opened), ctypes.c_uint32(number), ctypes.byref(payload), ctypes.byref(size)
    )
    found = None
    if status == STATUS_OK:
        assert payload.value is not None
        found = ctypes.string_at(payload.value, size.value)
    del room
    return found
