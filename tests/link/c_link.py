"""The C of the link, compiled for this machine with the sanitisers' traps, behind cffi."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cffi

from codegen.resources import resource
from host_tools.link.protocol import Packet
from tests.c_host import shared_library

DECLARATIONS = """
uint32_t link_bytes(void);
void hv_link_begin(void *link);
bool hv_link_feed(void *link, uint8_t byte);
uint8_t *hv_link_data(void *link);
void hv_link_answer(void *link, int code, uint32_t status, uint32_t size_bytes);
bool hv_link_take(void *link, uint8_t *byte);
uint32_t link_request(void *link, uint32_t *kind, uint32_t *sequence, uint8_t payload[]);
uint32_t link_refused(void *link);
"""
# what a test needs of the struct without knowing its layout
GLUE = """
#include "hv_link.h"

#include <string.h>

uint32_t link_bytes(void);
uint32_t link_request(const hv_link_t *link, uint32_t *kind, uint32_t *sequence, uint8_t payload[]);
uint32_t link_refused(const hv_link_t *link);

uint32_t link_bytes(void)
{
    return (uint32_t)sizeof(hv_link_t);
}

uint32_t link_request(const hv_link_t *link, uint32_t *kind, uint32_t *sequence, uint8_t payload[])
{
    *kind = link->request.kind;
    *sequence = link->request.sequence;
    (void)memcpy(payload, link->request.payload, link->request.size_bytes);
    return link->request.size_bytes;
}

uint32_t link_refused(const hv_link_t *link)
{
    return link->refused;
}
"""
PAYLOAD_BYTES = 256


class CLink:
    """One hv_link_t; `library` is what `compiled` made."""

    def __init__(self, ffi: cffi.FFI, library: Any) -> None:  # noqa: ANN401
        self._ffi, self._library = ffi, library
        self._memory = ffi.new("uint32_t[]", library.link_bytes() // 4 + 4)
        library.hv_link_begin(self._memory)

    @property
    def refused(self) -> int:
        return int(self._library.link_refused(self._memory))

    def feed(self, data: Iterable[int]) -> list[Packet]:
        """The requests that were reported; each is answered with nothing."""
        found = []
        for byte in data:
            if self._library.hv_link_feed(self._memory, byte):
                found.append(self._request())
                self.answer()
        return found

    def answer(self, code: int = 0, status: int = 0, data: bytes = b"") -> None:
        self._ffi.memmove(self._library.hv_link_data(self._memory), data, len(data))
        self._library.hv_link_answer(self._memory, code, status, len(data))

    def take(self) -> bytes:
        """Everything that waits to be sent."""
        byte, taken = self._ffi.new("uint8_t *"), bytearray()
        while self._library.hv_link_take(self._memory, byte):
            taken.append(byte[0])
        return bytes(taken)

    def _request(self) -> Packet:
        kind, sequence = self._ffi.new("uint32_t *"), self._ffi.new("uint32_t *")
        payload = self._ffi.new("uint8_t[]", PAYLOAD_BYTES)
        size = self._library.link_request(self._memory, kind, sequence, payload)
        return Packet(
            kind=kind[0], sequence=sequence[0], payload=bytes(self._ffi.buffer(payload, size))
        )


def compiled(folder: Path) -> tuple[cffi.FFI, Any]:
    """What CLink takes."""
    runtime = resource("firmware") / "runtime"
    glue = folder / "link_glue.c"
    glue.write_text(GLUE)
    sources = (str(runtime / "hv_link.c"), str(runtime / "hv_crc.c"))
    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    return ffi, ffi.dlopen(str(shared_library(glue, folder, *sources)))
