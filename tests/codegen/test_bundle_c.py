"""The C reader: the vectors of Python's, each refusal by its own code, all damage refused."""

from __future__ import annotations

import dataclasses
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.bundle import TAG_TENSORS, read_bundle, sign_bundle, write_bundle
from codegen.errors import HvError
from tests.c_host import RUNTIME, SANITISERS, compiler, run, shared_library
from tests.codegen import bundle_library as lib
from tests.codegen.bundle_library import SMALL, Policy, Reader, flipped, mended, real, signed

REAL_POLICY = Policy(abi=real().abi, least_version=7)
SMALL_POLICY = Policy(abi=SMALL.abi)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return lib.build_reader(tmp_path_factory.mktemp("reader"))


def test_open_gives_the_same_answers_as_python(reader: Reader) -> None:
    """Shared vectors: what each kind of damage is called."""
    data = write_bundle(signed(SMALL))
    assert reader.open(data) == lib.OK
    assert reader.open(data[:95]) == lib.TRUNCATED
    assert reader.open(data[:-1]) == lib.TRUNCATED
    assert reader.open(data + bytes(40)) == lib.OK  # a flash page behind it does not matter
    assert reader.open(b"X" + data[1:]) == lib.FORMAT
    assert reader.open(mended(data[:4] + b"\x03" + data[5:])) == lib.FORMAT
    assert reader.open(flipped(data, 8 * 100)) == lib.CRC
    assert reader.open(data, shift=4) == lib.ALIGNMENT
    assert reader.library.hv_bundle_open(None, 100, None) == lib.ARGUMENT
    assert reader.find(data, TAG_TENSORS) == SMALL.payload(TAG_TENSORS)
    assert reader.find(data, b"NONE") is None


@given(
    st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1), st.binary(min_size=16, max_size=16)
)
def test_header_fields_are_read_as_written(version: int, threshold: int, user: bytes) -> None:
    bundle = dataclasses.replace(SMALL, version=version, threshold=threshold, user_id=user)
    assert _shared().header(write_bundle(bundle)) == (user, version, threshold, 0)


def test_each_refusal_has_its_own_code(reader: Reader) -> None:
    bundle = signed(SMALL)
    data = write_bundle(bundle)
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    forged = write_bundle(sign_bundle(SMALL, stranger.sign))
    policy = SMALL_POLICY
    assert reader.admit(data, policy) == lib.OK
    assert reader.admit(data[:-1], policy) == lib.TRUNCATED
    assert reader.admit(b"JFIF" + data[4:], policy) == lib.FORMAT
    assert reader.admit(flipped(data, 900), policy) == lib.CRC
    assert reader.admit(data, dataclasses.replace(policy, abi=bytes(32))) == lib.ABI
    assert reader.admit(mended(flipped(data, 8 * 16)), policy) == lib.ABI  # another kernel ABI
    assert reader.admit(write_bundle(SMALL), policy) == lib.UNSIGNED
    assert reader.admit(forged, policy) == lib.SIGNATURE
    assert reader.admit(data, dataclasses.replace(policy, least_version=8)) == lib.OLD
    assert reader.admit(data, dataclasses.replace(policy, least_version=7)) == lib.OK
    assert reader.admit(data, dataclasses.replace(policy, most_bytes=len(data) - 1)) == lib.SIZE
    assert reader.admit(data, dataclasses.replace(policy, most_bytes=len(data))) == lib.OK
    assert reader.admit(data + bytes(16), policy) == lib.SIZE
    assert reader.library.hv_bundle_admit(None, 0, None, None) == lib.ARGUMENT


def test_without_a_key_signatures_are_not_asked_for(reader: Reader) -> None:
    lax = dataclasses.replace(SMALL_POLICY, public_key=None)
    assert reader.admit(write_bundle(SMALL), lax) == lib.OK
    assert reader.admit(write_bundle(signed(SMALL)), lax) == lib.OK


def test_a_kernel_that_cannot_check_takes_nothing_when_a_key_is_demanded(tmp_path: Path) -> None:
    import ctypes

    names = ("hv_bundle", "hv_crc", "hv_signature_none")
    sources = [str(RUNTIME / f"{name}.c") for name in names]
    bare = Reader(ctypes.CDLL(str(shared_library(RUNTIME / "hv_admit.c", tmp_path, *sources))))
    assert bare.admit(write_bundle(signed(SMALL)), SMALL_POLICY) == lib.SIGNATURE
    assert bare.admit(write_bundle(SMALL), SMALL_POLICY) == lib.UNSIGNED


def test_every_flipped_bit_of_a_real_bundle_is_refused(reader: Reader) -> None:
    """As an accident has it: the CRC is not made right. Only its size says more than altered."""
    data = write_bundle(real())
    assert reader.admit(data, REAL_POLICY) == lib.OK
    for position in range(8 * len(data)):
        expected = {lib.CRC}
        if position // 8 < 8:
            expected = {lib.FORMAT}
        elif position // 8 < 12:
            expected = {lib.FORMAT, lib.TRUNCATED, lib.CRC}
        assert reader.admit(flipped(data, position), REAL_POLICY) in expected, position


def test_every_forged_bit_of_a_real_bundle_is_refused(reader: Reader) -> None:
    """As an attacker has it: the CRC is right again, and the signature says no."""
    data = write_bundle(real())
    trailer = len(data) - 16
    codes = set()
    for position in range(8 * (len(data) - 4)):
        byte = position // 8
        code = reader.admit(mended(flipped(data, position)), REAL_POLICY)
        assert code != lib.OK, position
        if 32 <= byte < 64:
            assert code == lib.ABI
        elif 24 <= byte < 32 or 64 <= byte < 80 or trailer - 64 <= byte < trailer:
            assert code == lib.SIGNATURE, position  # version, threshold, user; the signature
        elif byte >= trailer:
            assert code == lib.FORMAT
        codes.add(code)
    assert codes == {lib.FORMAT, lib.TRUNCATED, lib.CRC, lib.ABI, lib.SIGNATURE}  # CRC: smaller


def test_every_truncation_and_extension_of_a_real_bundle_is_refused(reader: Reader) -> None:
    data = write_bundle(real())
    for size in range(len(data)):
        assert reader.admit(data[:size], REAL_POLICY) == lib.TRUNCATED
    for more in range(1, 200):
        assert reader.admit(data + bytes(more), REAL_POLICY) == lib.SIZE


@settings(max_examples=400)
@given(st.data())
def test_c_and_python_agree_on_mutations(data: st.DataObject) -> None:
    """Bytes replaced, inserted, dropped, with the CRC mended or not: both take it, or neither."""
    changed = bytearray(write_bundle(data.draw(st.sampled_from([SMALL, signed(SMALL), real()]))))
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(changed)))
        dropped = data.draw(st.sampled_from([0, 1, 4, 16]))
        changed[start : start + dropped] = data.draw(st.binary(max_size=16))
    if data.draw(st.booleans()) and len(changed) > 12:
        changed[8:12] = len(changed).to_bytes(4, "little")
    given = bytes(changed)
    if data.draw(st.booleans()) and len(given) > 4:
        given = mended(given)
    try:
        bundle = read_bundle(given)
    except HvError:
        bundle = None
    policy = Policy(abi=bundle.abi if bundle else SMALL.abi, public_key=None)
    assert (_shared().admit(given, policy) == lib.OK) == (bundle is not None)


def test_c_crc_is_the_standard_one(reader: Reader) -> None:
    noise = np.random.default_rng(1).bytes(1000)
    crc32 = reader.library.hv_crc32
    for data in (b"", b"123456789", noise):
        assert crc32(0, data, len(data)) == zlib.crc32(data)
    assert crc32(0, b"123456789", 9) == 0xCBF43926  # the check value of the catalogues
    assert crc32(zlib.crc32(noise[:77]), noise[77:], 923) == zlib.crc32(noise)


def test_c_reader_survives_and_refuses_all_damage(tmp_path: Path) -> None:
    """Under ASan and UBSan: nothing is read outside, and only what Python accepts is accepted."""
    data = write_bundle(signed(SMALL))
    (tmp_path / "small.hvb").write_bytes(data)
    probe = tmp_path / "probe"
    source = Path(__file__).parent / "c" / "bundle_probe.c"
    flags = (*SANITISERS, "-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-I", RUNTIME)
    sources = (source, RUNTIME / "hv_bundle.c", RUNTIME / "hv_crc.c")
    run([compiler("gcc"), *flags, *sources, "-o", probe])
    said = run([probe, tmp_path / "small.hvb"])
    counts = {name: int(n) for name, n in re.findall(r"(\w+) (\d+)", said)}
    assert counts["whole"] == 1
    assert counts["truncated"] == 0
    assert counts["flipped"] == 0
    assert counts["mended"] == _accepted_by_python(data)


def _accepted_by_python(data: bytes) -> int:
    accepted = 0
    for position in range(len(data)):
        flips = [flipped(data, 8 * position + bit) for bit in range(8)]
        for changed in (*flips, data[:position] + b"\xff" + data[position + 1 :]):
            try:
                read_bundle(mended(changed))
            except HvError:
                continue
            accepted += 1
    return accepted


_READERS: list[Reader] = []


@pytest.fixture(autouse=True)
def _remember(reader: Reader) -> None:
    """hypothesis and fixtures do not mix well; the library has no state."""
    _READERS[:] = [reader]


def _shared() -> Reader:
    return _READERS[0]
