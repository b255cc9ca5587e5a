"""The C reader of bundles as a library, and bundles to give it."""

from __future__ import annotations

import ctypes
import dataclasses
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from codegen.bundle import KNOWN_ANSWER, TAG_ANSWER, TAG_TENSORS, Bundle, Record, read_bundle
from codegen.bundle import sign_bundle as _sign
from host_tools.cache import cache_folder
from host_tools.monocypher import fetch_monocypher
from tests.c_host import RUNTIME, shared_library

OK, ARGUMENT, ALIGNMENT, TRUNCATED, FORMAT, CRC = 0, 1, 2, 4, 5, 6
ABI, UNSIGNED, SIGNATURE, OLD, SIZE = 8, 9, 10, 11, 12

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
REAL = Path(__file__).parents[1] / "golden" / "depthwise-all" / "golden.hvb"

SMALL = Bundle(
    abi=bytes(range(32)),
    user_id=b"0123456789abcdef",
    version=7,
    threshold=-5,
    records=(
        Record(tag=TAG_TENSORS, payload=bytes(range(5, 42))),
        Record(tag=TAG_ANSWER, payload=KNOWN_ANSWER.pack(7, -3, 2**31 - 1, 1)),
    ),
)


@cache
def real() -> Bundle:
    """The bundle of a golden folder, version 7, signed."""
    return signed(dataclasses.replace(read_bundle(REAL.read_bytes()), version=7))


def signed(bundle: Bundle) -> Bundle:
    return _sign(bundle, KEY.sign)


def mended(data: bytes) -> bytes:
    """The same with its CRC made right."""
    return data[:-4] + zlib.crc32(data[:-4]).to_bytes(4, "little")


def flipped(data: bytes, position: int) -> bytes:
    """The same with one bit changed."""
    changed = bytearray(data)
    changed[position // 8] ^= 1 << (position % 8)
    return bytes(changed)


class Opened(ctypes.Structure):
    """hv_bundle_t."""

    _fields_ = (
        ("bytes", ctypes.c_void_p),
        ("size_bytes", ctypes.c_uint32),
        ("records", ctypes.c_uint32),
    )


class _Policy(ctypes.Structure):
    _fields_ = (
        ("abi", ctypes.c_char_p),
        ("public_key", ctypes.c_char_p),
        ("most_bytes", ctypes.c_uint32),
        ("least_version", ctypes.c_uint32),
    )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """hv_bundle_policy_t."""

    abi: bytes
    public_key: bytes | None = PUBLIC
    most_bytes: int = 2**32 - 1
    least_version: int = 0


class Reader:
    """hv_bundle.c and hv_admit.c, called on bytes at an aligned address."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.library.hv_bundle_user.restype = ctypes.POINTER(ctypes.c_uint8)
        self.library.hv_bundle_version.restype = ctypes.c_uint32
        self.library.hv_crc32.restype = ctypes.c_uint32

    def open(self, data: bytes, shift: int = 0) -> int:
        """hv_bundle_open()'s answer."""
        room, address = _aligned(data, shift)
        status = self.library.hv_bundle_open(address, len(data), ctypes.byref(Opened()))
        del room
        return int(status)

    def admit(self, data: bytes, policy: Policy) -> int:
        """hv_bundle_admit()'s answer; a refusal must leave *bundle alone."""
        room, address = _aligned(data)
        bundle = Opened(bytes=None, size_bytes=77, records=78)
        given = _Policy(policy.abi, policy.public_key, policy.most_bytes, policy.least_version)
        status = int(
            self.library.hv_bundle_admit(
                address, len(data), ctypes.byref(given), ctypes.byref(bundle)
            )
        )
        if status == OK:
            assert bundle.size_bytes == len(data)
        else:
            assert (bundle.bytes, bundle.size_bytes, bundle.records) == (None, 77, 78)
        del room
        return status

    def find(self, data: bytes, tag: bytes) -> bytes | None:
        """The payload of a record, or None."""
        room, address = _aligned(data)
        opened, payload, size = Opened(), ctypes.c_void_p(), ctypes.c_uint32()
        assert self.library.hv_bundle_open(address, len(data), ctypes.byref(opened)) == OK
        status = self.library.hv_bundle_find(
            ctypes.byref(opened),
            ctypes.c_uint32(int.from_bytes(tag, "little")),
            ctypes.byref(payload),
            ctypes.byref(size),
        )
        found = None
        if status == OK:
            assert payload.value is not None
            assert payload.value % 16 == 0
            found = ctypes.string_at(payload.value, size.value)
        del room
        return found

    def header(self, data: bytes) -> tuple[bytes, int, int, int]:
        """User, version, threshold and flags, as C reads them."""
        room, address = _aligned(data)
        opened = Opened()
        assert self.library.hv_bundle_open(address, len(data), ctypes.byref(opened)) == OK
        at = ctypes.byref(opened)
        user = bytes(self.library.hv_bundle_user(at)[:16])
        numbers = (self.library.hv_bundle_threshold(at), self.library.hv_bundle_flags(at))
        found = (user, int(self.library.hv_bundle_version(at)), *numbers)
        del room
        return found


def build_reader(folder: Path) -> Reader:
    """Compiled with signatures; undefined behaviour traps, in Monocypher too."""
    fetch_monocypher(print)
    names = ("hv_bundle", "hv_crc", "hv_signature", "hv_sha512", "hv_monocypher")
    sources = [str(RUNTIME / f"{name}.c") for name in names]
    include = ("-I", str(cache_folder("monocypher")))
    return Reader(
        ctypes.CDLL(str(shared_library(RUNTIME / "hv_admit.c", folder, *sources, *include)))
    )


def _aligned(data: bytes, shift: int = 0) -> tuple[object, ctypes.c_void_p]:
    room = ctypes.create_string_buffer(len(data) + 32)
    start = -ctypes.addressof(room) % 16 + shift
    ctypes.memmove(ctypes.addressof(room) + start, data, len(data))
    return room, ctypes.c_void_p(ctypes.addressof(room) + start)
