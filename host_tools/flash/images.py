"""The bytes of a firmware by address, and the files that flash tools read."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from codegen.errors import HvError

PERSON_SECTION = ".person"
ERASED = b"\xff"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Bytes that lie together: `data` from `address` on."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + len(self.data)


@dataclass(frozen=True, kw_only=True)
class Image:
    """What lies in flash: segments by address, none empty, none over another."""

    segments: tuple[Segment, ...]

    @property
    def address(self) -> int:
        """Its first address."""
        return self.segments[0].address

    @property
    def size_bytes(self) -> int:
        """The bytes to write, gaps not counted."""
        return sum(len(segment.data) for segment in self.segments)

    def intel_hex(self) -> bytes:
        """The same as an Intel HEX file."""
        from intelhex import IntelHex

        file: Any = IntelHex()
        for segment in self.segments:
            file.puts(segment.address, segment.data)
        text = io.StringIO()
        file.write_hex_file(text)
        return text.getvalue().encode("ascii")


def make_image(segments: Iterable[Segment], where: str) -> Image:
    """Sorts segments by address and drops empty ones.

    Raises:
        HvError: no bytes at all, or two segments over each other.
    """
    kept = tuple(sorted((s for s in segments if s.data), key=lambda segment: segment.address))
    if not kept:
        raise HvError("there is nothing to write", where=where)
    for before, after in itertools.pairwise(kept):
        if before.end > after.address:
            raise HvError(f"two segments lie at address {after.address:#x}", where=where)
    return Image(segments=kept)


def joined_by_block(image: Image, block_bytes: int) -> Image:
    """Returns the same with what touches one erase block in one segment, erased flash between."""
    kept: list[Segment] = []
    for segment in image.segments:
        if kept and (kept[-1].end - 1) // block_bytes == segment.address // block_bytes:
            last = kept.pop()
            gap = ERASED * (segment.address - last.end)
            segment = Segment(address=last.address, data=last.data + gap + segment.data)
        kept.append(segment)
    return Image(segments=tuple(kept))


def segment_files(image: Image, path: Path) -> dict[Path, Segment]:
    """Returns a file name for each segment: `path` itself, or path-0, path-1, ... of several."""
    if len(image.segments) == 1:
        return {path: image.segments[0]}
    return {
        path.with_name(f"{path.stem}-{number}{path.suffix}"): segment
        for number, segment in enumerate(image.segments)
    }


def firmware_image(elf: Path) -> Image:
    """Returns all that an ELF file has for flash, by load address.

    Raises:
        HvError: not an ELF file, or one without anything to load.
    """
    with _opened(elf) as file:
        segments = [
            Segment(address=int(part["p_paddr"]), data=part.data())
            for part in file.iter_segments("PT_LOAD")
        ]
    return make_image(segments, str(elf))


def person_image(elf: Path) -> Image:
    """Returns one person's weights alone: whole erase blocks.

    Raises:
        HvError: the firmware keeps them among everything else.
    """
    with _opened(elf) as file:
        section = file.get_section_by_name(PERSON_SECTION)
        if section is None or not section["sh_size"]:
            raise HvError(
                "this firmware has no blocks of flash for one person's weights alone",
                where=str(elf),
                hint="flash all of it",
            )
        segment = Segment(address=_load_address(file, section), data=section.data())
    return make_image([segment], str(elf))


def _load_address(file: Any, section: Any) -> int:  # noqa: ANN401
    """Where a section is written to, which is not where it is read on every board."""
    for part in file.iter_segments("PT_LOAD"):
        if part.section_in_segment(section):
            return int(part["p_paddr"] + section["sh_addr"] - part["p_vaddr"])
    return int(section["sh_addr"])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with path.open("rb") as stream:
        try:
            file = ELFFile(stream)
        except ELFError as error:
            raise HvError(f"not an ELF file: {error}", where=str(path)) from error
        yield file
