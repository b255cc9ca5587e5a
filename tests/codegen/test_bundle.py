"""Bundles in Python: round trips, every truncation, every flipped bit, the format itself."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.bundle import HEADER, MAGIC, TAG_TENSORS, Bundle, Record, read_bundle, write_bundle
from codegen.errors import HvError
from tests.codegen.bundle_library import SMALL, flipped, mended, real, signed

records = st.lists(
    st.builds(
        lambda tag, payload: Record(tag=tag, payload=payload),
        st.binary(min_size=4, max_size=4),
        st.binary(max_size=70),
    ),
    max_size=5,
)
bundles = st.builds(
    Bundle,
    abi=st.binary(min_size=32, max_size=32),
    user_id=st.binary(min_size=16, max_size=16),
    version=st.integers(0, 2**32 - 1),
    threshold=st.integers(-(2**31), 2**31 - 1),
    records=records.map(tuple),
    signature=st.none() | st.binary(min_size=64, max_size=64),
)


@given(bundles)
def test_round_trip(bundle: Bundle) -> None:
    data = write_bundle(bundle)
    assert read_bundle(data) == bundle
    assert len(data) % 16 == 0
    for record in bundle.records:
        first = next(r.payload for r in bundle.records if r.tag == record.tag)
        assert bundle.payload(record.tag) == first


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(noise: bytes) -> None:
    for data in (noise, MAGIC + noise, write_bundle(SMALL)[:32] + noise):
        with pytest.raises(HvError):
            read_bundle(data)


@given(bundles, st.data())
def test_any_change_is_refused_or_another_bundle(bundle: Bundle, data: st.DataObject) -> None:
    """With the CRC made right, only what write_bundle could have written is read."""
    good = write_bundle(bundle)
    start = data.draw(st.integers(0, len(good) - 5))
    piece = data.draw(st.binary(min_size=1, max_size=8))
    changed = mended((good[:start] + piece + good[start + len(piece) :])[: len(good)])
    try:
        found = read_bundle(changed)
    except HvError:
        return
    assert write_bundle(found) == changed


def test_payloads_are_aligned_to_run_in_place() -> None:
    data = write_bundle(SMALL)
    for record in SMALL.records:
        assert data.index(record.payload) % 16 == 0


@pytest.mark.parametrize("bundle", [SMALL, signed(SMALL)], ids=["unsigned", "signed"])
def test_every_truncation_and_extension_is_refused(bundle: Bundle) -> None:
    data = write_bundle(bundle)
    for size in range(len(data)):
        with pytest.raises(HvError):
            read_bundle(data[:size])
    for more in range(1, 40):
        with pytest.raises(HvError, match="bytes behind it"):
            read_bundle(data + bytes(more))


def test_every_flipped_bit_of_a_real_bundle_is_refused() -> None:
    data = write_bundle(real())
    for position in range(8 * len(data)):
        with pytest.raises(HvError):
            read_bundle(flipped(data, position))


def test_messages_say_what_is_wrong() -> None:
    data = write_bundle(SMALL)
    with pytest.raises(HvError, match="no hvcodegen bundle"):
        read_bundle(b"\xff\xd8\xff\xe0 a photograph" * 9)
    with pytest.raises(HvError, match="of another format"):
        read_bundle(b"HVB1" + data[4:])
    with pytest.raises(HvError, match="format 3 is not supported"):
        read_bundle(mended(data[:4] + b"\x03" + data[5:]))
    with pytest.raises(HvError, match="truncated"):
        read_bundle(data[:-1])
    with pytest.raises(HvError, match="CRC differs"):
        read_bundle(flipped(data, 800))
    with pytest.raises(HvError, match="unknown flags"):
        read_bundle(mended(flipped(data, 8 * 12 + 1)))
    with pytest.raises(HvError, match="kernels of ABI 3"):
        read_bundle(mended(flipped(data, 8 * 16 + 1)))
    with pytest.raises(HvError, match="no TENS record"):
        Bundle(abi=bytes(32)).payload(TAG_TENSORS)


def test_the_format_is_pinned() -> None:
    """A device in the field reads what was written years ago."""
    data = write_bundle(
        Bundle(
            abi=b"\xaa" * 32,
            user_id=b"\xbb" * 16,
            version=9,
            threshold=-2,
            records=(Record(tag=b"ABCD", payload=b"xyz"),),
            signature=b"\xcc" * 64,
        )
    )
    assert data.hex() == (
        "48564232" "0200" "5000" "c0000000" "01000000" "01000000" "01000000" "09000000" "feffffff"
        + "aa" * 32 + "bb" * 16
        + "41424344" "03000000" + "00" * 8 + "78797a" + "00" * 13
        + "cc" * 64 + "00" * 12 + data[-4:].hex()
    )  # fmt: skip
    assert data[:4] == MAGIC
    assert HEADER.size == 80
    assert int.from_bytes(data[-4:], "little") == zlib.crc32(data[:-4])
