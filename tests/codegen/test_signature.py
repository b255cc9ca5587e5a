"""Signatures in C: vectors of RFC 8032, hashlib, cryptography; key files."""

from __future__ import annotations

import ctypes
import hashlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from codegen.bundle import write_bundle
from codegen.errors import HvError
from codegen.signing import is_signed_by, load_key, load_public_key, new_key, public_file_of
from tests.codegen.bundle_library import KEY, PUBLIC, SMALL, build_reader, flipped, signed

# RFC 8032, 7.1: public key, message, signature
RFC_8032 = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    found = build_reader(tmp_path_factory.mktemp("signature")).library
    found.hv_signature_is_valid.restype = ctypes.c_bool
    return found


def _valid(library: ctypes.CDLL, signature: bytes, key: bytes, message: bytes) -> bool:
    return bool(library.hv_signature_is_valid(signature, key, message, len(message)))


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032(
    library: ctypes.CDLL, key: str, message: str, signature: str
) -> None:
    given = [bytes.fromhex(text) for text in (signature, key, message)]
    assert _valid(library, *given)
    for position in range(512):
        assert not _valid(library, flipped(given[0], position), *given[1:])
    assert not _valid(library, *given[:2], given[2] + b"\0")


def test_what_cryptography_signs_is_right_in_c(library: ctypes.CDLL) -> None:
    for size in (0, 1, 47, 48, 63, 64, 65, 127, 128, 400, 3000):
        key = Ed25519PrivateKey.from_private_bytes(bytes([size % 251]) * 32)
        message = bytes(i % 253 for i in range(size))
        assert _valid(library, key.sign(message), key.public_key().public_bytes_raw(), message)


def test_a_signature_cannot_be_given_another_form(library: ctypes.CDLL) -> None:
    """S + L says the same to a careless reader; RFC 8032, 5.1.7, refuses it."""
    signature = KEY.sign(b"message")
    other = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    assert _valid(library, signature, PUBLIC, b"message")
    forged = signature[:32] + other.to_bytes(32, "little")
    assert not _valid(library, forged, PUBLIC, b"message")


def test_sha_512_of_every_length_over_three_blocks(library: ctypes.CDLL) -> None:
    for size in range(400):
        message = bytes(7 * i % 256 for i in range(size))
        hash_state = (ctypes.c_uint64 * 32)()
        digest = ctypes.create_string_buffer(64)
        library.hv_sha512_begin(hash_state)
        library.hv_sha512_add(hash_state, message[: size // 3], size // 3)
        library.hv_sha512_add(hash_state, message[size // 3 :], size - size // 3)
        library.hv_sha512_end(hash_state, digest)
        assert digest.raw == hashlib.sha512(message).digest()


def test_python_checks_whose_signature_it_is() -> None:
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert is_signed_by(signed(SMALL), PUBLIC)
    assert not is_signed_by(signed(SMALL), stranger)
    assert not is_signed_by(SMALL, PUBLIC)
    assert len(write_bundle(signed(SMALL))) == len(write_bundle(SMALL)) + 64


def test_key_files(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "shop.pem"
    key = new_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_key(file).public == key.public == load_public_key(public_file_of(file))
    with pytest.raises(HvError, match="never overwritten"):
        new_key(file)
    file.chmod(0o640)
    with pytest.raises(HvError, match="others may read"):
        load_key(file)
    with pytest.raises(HvError, match="no such key"):
        load_key(tmp_path / "none.pem")
    public_file_of(file).write_text("-----BEGIN PUBLIC KEY-----\nnothing\n")
    with pytest.raises(HvError, match="no public Ed25519 key"):
        load_public_key(public_file_of(file))
