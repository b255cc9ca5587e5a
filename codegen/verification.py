"""What an emitted folder needs for the device to check signatures, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# of firmware/runtime, beside Monocypher's own two files
SIGNATURE_HEADERS = ("hv_sha512.h",)
SIGNATURE_SOURCES = ("hv_monocypher.c", "hv_sha512.c", "hv_signature.c")
NO_SIGNATURE_SOURCES = ("hv_signature_none.c",)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Whose signatures a device demands, and the code that checks them.

    Attributes:
        public_key: 32 bytes.
        library: Monocypher's files by name; `hv_monocypher.c` includes and so compiles them.
    """

    public_key: bytes
    library: Mapping[str, bytes]
