"""UF2 files: blocks of 512 bytes, each with 256 bytes of flash and where they go.

Source: github.com/microsoft/uf2, "File format"; families: utils/uf2families.json there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from host_tools.flash.images import Image

PAYLOAD_BYTES = 256  # what every boot loader takes; a page of flash
MAGIC_START = (0x0A324655, 0x9E5D5157)
MAGIC_END = 0x0AB16F30
FAMILY_PRESENT = 0x0000_2000
FILL = 0xFF  # of pages that are written in part: what erased flash holds

# magics, flags, address, payload bytes, number, numbers, family, data, magic
BLOCK = struct.Struct("<8I476sI")
assert BLOCK.size == 512


@dataclass(frozen=True, kw_only=True)
class _Page:
    address: int
    data: bytes


def uf2_bytes(image: Image, family: int) -> bytes:
    """Returns a UF2 file of an image, for parts of one family."""
    pages = _pages(image)
    return b"".join(
        BLOCK.pack(
            *MAGIC_START,
            FAMILY_PRESENT,
            page.address,
            PAYLOAD_BYTES,
            number,
            len(pages),
            family,
            page.data,
            MAGIC_END,
        )
        for number, page in enumerate(pages)
    )


def _pages(image: Image) -> list[_Page]:
    """Whole pages, by address; two segments may share one."""
    pages: dict[int, bytearray] = {}
    for segment in image.segments:
        for offset, byte in enumerate(segment.data):
            address = segment.address + offset
            first = address - address % PAYLOAD_BYTES
            page = pages.setdefault(first, bytearray([FILL]) * PAYLOAD_BYTES)
            page[address - first] = byte
    return [_Page(address=first, data=bytes(pages[first])) for first in sorted(pages)]
