"""The trace format: every tensor of every image as one run of the firmware produced them.

    header | for each image, for each layer: record, tensor bytes | trailer

The C twin is firmware/runtime/hv_trace.h. All numbers are little-endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from host_tools.manifest import Manifest

MAGIC = b"HVTRACE\n"
END_MAGIC = b"HVTREND\n"
VERSION = 1

# magic, version, images, layers, image_bytes, ABI hash in hexadecimal
HEADER = struct.Struct("<8sIIII64s")
assert HEADER.size == 88

# image, layer, size_bytes
RECORD = struct.Struct("<III")
assert RECORD.size == 12

# magic, records, stack_used_bytes
TRAILER = struct.Struct("<8sII")
assert TRAILER.size == 16

# CRC-32 of every byte before it
CRC = struct.Struct("<I")
assert CRC.size == 4


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Every tensor of one run.

    Attributes:
        images: how many images were run.
        tensors: layer name -> int8 or int32 array [images, *shape].
        stack_used_bytes: deepest stack use, by paint.
    """

    images: int
    tensors: Mapping[str, NDArray[Any]]
    stack_used_bytes: int


def read_trace(data: bytes, manifest: Manifest, *, where: str = "trace.bin") -> Trace:
    """Reads a trace and checks every byte of it.

    Args:
        data: the whole file.
        manifest: of the folder that the firmware was built from.
        where: what to call the trace in messages.

    Raises:
        HvError: truncated, altered, of another format, or of another kernel.
    """
    images = _check_header(data, manifest, where)
    row_bytes = manifest.trace_bytes + len(manifest.layers) * RECORD.size
    size_bytes = HEADER.size + images * row_bytes + TRAILER.size + CRC.size
    if len(data) != size_bytes:
        raise _refusal(
            f"{len(data)} bytes, but {images} images make {size_bytes}: "
            + ("truncated" if len(data) < size_bytes else "something follows the end"),
            where,
        )
    (crc,) = CRC.unpack_from(data, size_bytes - CRC.size)
    if crc != zlib.crc32(memoryview(data)[: -CRC.size]):
        raise _refusal("its checksum does not match: it was altered", where)
    rows = np.frombuffer(data, np.uint8, images * row_bytes, HEADER.size).reshape(images, row_bytes)
    return Trace(
        images=images,
        tensors=manifest.split_tensors(_strip_records(rows, manifest, where)),
        stack_used_bytes=_check_trailer(data, images * len(manifest.layers), where),
    )


def write_trace(trace: Trace, manifest: Manifest) -> bytes:
    """Returns the file that `read_trace` reads back: for tests and for traces kept as goldens."""
    parts = [
        HEADER.pack(
            MAGIC,
            VERSION,
            trace.images,
            len(manifest.layers),
            manifest.image_bytes,
            manifest.abi.encode("ascii"),
        )
    ]
    for image in range(trace.images):
        for index, layer in enumerate(manifest.layers):
            tensor = np.ascontiguousarray(trace.tensors[layer.name][image], dtype=layer.dtype)
            parts += [RECORD.pack(image, index, layer.size_bytes), tensor.tobytes()]
    parts.append(
        TRAILER.pack(END_MAGIC, trace.images * len(manifest.layers), trace.stack_used_bytes)
    )
    body = b"".join(parts)
    return body + CRC.pack(zlib.crc32(body))


def _check_header(data: bytes, manifest: Manifest, where: str) -> int:
    """Returns the number of images."""
    if len(data) < HEADER.size:
        raise _refusal(f"{len(data)} bytes are not even a header: truncated", where)
    magic, version, images, layers, image_bytes, abi = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise _refusal("not a trace", where)
    if version != VERSION:
        raise _refusal(f"format version {version}, and this program reads {VERSION}", where)
    if abi != manifest.abi.encode("ascii"):
        raise _refusal("a trace of another kernel: the ABI hashes differ", where)
    if (layers, image_bytes) != (len(manifest.layers), manifest.image_bytes):
        raise _refusal(
            f"{layers} layers and images of {image_bytes} bytes; the manifest says "
            f"{len(manifest.layers)} and {manifest.image_bytes}",
            where,
        )
    return int(images)


def _strip_records(rows: NDArray[np.uint8], manifest: Manifest, where: str) -> NDArray[np.uint8]:
    """Checks every record and returns the tensors' bytes alone, uint8 [images, trace_bytes]."""
    columns = []
    start = 0
    for index, layer in enumerate(manifest.layers):
        data = start + RECORD.size
        for image, row in enumerate(rows):
            record = RECORD.unpack_from(row, start)
            if record != (image, index, layer.size_bytes):
                raise _refusal(
                    f"image {image}, layer {layer.name}: the record says (image, layer, bytes) = "
                    f"{record}, expected {(image, index, layer.size_bytes)}",
                    where,
                )
        columns.append(rows[:, data : data + layer.size_bytes])
        start = data + layer.size_bytes
    return np.concatenate(columns, axis=1)


def _check_trailer(data: bytes, expected_records: int, where: str) -> int:
    """Returns the stack use in bytes."""
    magic, records, stack_used_bytes = TRAILER.unpack_from(
        data, len(data) - TRAILER.size - CRC.size
    )
    if magic != END_MAGIC or records != expected_records:
        raise _refusal(f"its end is not the end of {expected_records} records", where)
    return int(stack_used_bytes)


def _refusal(what: str, where: str) -> HvError:
    return HvError(what, where=where, hint="run the firmware again, from the same emitted folder")
