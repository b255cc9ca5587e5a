"""MXNet's RecordIO, read without MXNet: `train.rec` and its index `train.idx`.

Source: https://github.com/dmlc/dmlc-core, include/dmlc/recordio.h; MXNet, python/mxnet/recordio.py.
Everything is little-endian. A part is

    u32 magic | u32 flag << 29 | length | bytes [length] | zeros up to a multiple of 4

and a record is one part (flag 0), or a first (1), middle (2) and last (3) one: the writer cuts a
record wherever the magic number stands in it at a multiple of 4 bytes, and leaves it out there.
A record of an image begins with

    u32 count | f32 label | u64 id | u64 id2 | f32 [count]

where `count` labels replace the single one if `count` is not 0.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from codegen.errors import HvError
from hypernet.data.base import stamp_of

_MAGIC = 0xCED7230A
_PART = struct.Struct("<II")
assert _PART.size == 8
_LENGTH_BITS = 29
_HEADER = struct.Struct("<IfQQ")
assert _HEADER.size == 24
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record of images.

    Attributes:
        labels: one or more; the first one is the person, or of a header a range.
        number: its own key in the index.
        content: the encoded photograph.
    """

    labels: tuple[float, ...]
    number: int
    content: bytes


def read_index_file(path: Path) -> dict[int, int]:
    """Reads `train.idx`: lines of a record's number, a tab, and its offset in bytes.

    Raises:
        HvError: no such file, an empty one, a line that is no entry, or a number that comes twice.
    """
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HvError(
            "the index of the records cannot be read", where=f"{path}: {error}"
        ) from error
    offsets: dict[int, int] = {}
    for number, line in enumerate(lines, 1):
        try:
            key, offset = (int(word) for word in line.split("\t"))
        except ValueError as error:
            raise HvError(f"not an entry: {line!r}", where=f"{path}: line {number}") from error
        if key in offsets or key < 0 or offset < 0:
            raise HvError(
                f"record {key} comes twice" if key in offsets else f"not an entry: {line!r}",
                where=f"{path}: line {number}",
            )
        offsets[key] = offset
    if not offsets:
        raise HvError("the index names no record", where=str(path))
    return offsets


def read_record(path: Path, offset: int, number: int) -> Record:
    """Reads the record at an offset.

    Args:
        path: the `.rec` file; it is mapped, once in every process.
        offset: where the record begins, in bytes.
        number: its key in the index, for errors.

    Raises:
        HvError: no record begins there, or the file ends within it.
    """
    where = f"{path}: record {number} at byte {offset}"
    payload = _payload(_mapped(path, _stamp(path)), offset, where)
    if len(payload) < _HEADER.size:
        raise HvError("the record is too short for its header", where=where)
    count, label, own, _ = _HEADER.unpack_from(payload)
    end = _HEADER.size + 4 * count
    if end > len(payload):
        raise HvError(f"the record is too short for its {count} labels", where=where)
    several = struct.unpack_from(f"<{count}f", payload, _HEADER.size)
    return Record(labels=several or (label,), number=own, content=payload[end:])


def _payload(data: mmap.mmap, offset: int, where: str) -> bytes:
    parts: list[bytes] = []
    while True:
        flag, part, offset = _part(data, offset, where)
        if flag not in ((_MIDDLE, _LAST) if parts else (_WHOLE, _FIRST)):
            raise HvError(
                "the record begins or goes on with the wrong part",
                where=where,
                hint="the index is of another file, or the file is damaged",
            )
        parts.append(part)
        if flag in (_WHOLE, _LAST):
            return _MAGIC.to_bytes(4, "little").join(parts)


def _part(data: mmap.mmap, offset: int, where: str) -> tuple[int, bytes, int]:
    """Flag, content and the next part's offset."""
    start = offset + _PART.size
    if start > len(data):
        raise HvError("the file ends before the record", where=where, hint=_CUT)
    magic, word = _PART.unpack_from(data, offset)
    if magic != _MAGIC:
        raise HvError(
            f"no record begins here: 0x{magic:08x} in place of 0x{_MAGIC:08x}",
            where=where,
            hint="the index is of another file, or this is no RecordIO file, or it is damaged",
        )
    end = start + (word & ((1 << _LENGTH_BITS) - 1))
    if end > len(data):
        raise HvError("the file ends within the record", where=where, hint=_CUT)
    return word >> _LENGTH_BITS, data[start:end], (end + 3) & ~3


_CUT = "the file is cut short, or the index is of another file"


def _stamp(path: Path) -> str:
    try:
        return stamp_of(path)
    except OSError as error:
        raise HvError("the records cannot be read", where=f"{path}: {error}") from error


@lru_cache(maxsize=4)
def _mapped(path: Path, _: str) -> mmap.mmap:
    """Maps one state of a file; a map of the old one would outlive its replacement."""
    try:
        with path.open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file
        raise HvError("the records cannot be read", where=f"{path}: {error}") from error
