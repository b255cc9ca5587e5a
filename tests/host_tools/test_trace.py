from __future__ import annotations

import re
import zlib
from dataclasses import replace

import numpy as np
import pytest
from toy import reference, toy_images

from codegen.errors import HvError
from codegen.resources import resource
from host_tools import trace
from host_tools.manifest import Manifest


@pytest.fixture
def written(toy: Manifest) -> bytes:
    tensors = reference(toy_images(2))
    return trace.write_trace(trace.Trace(images=2, tensors=tensors, stack_used_bytes=220), toy)


def _with_new_checksum(data: bytes) -> bytes:
    body = data[: -trace.CRC.size]
    return body + trace.CRC.pack(zlib.crc32(body))


def test_reads_back_what_was_written(toy: Manifest, written: bytes) -> None:
    read = trace.read_trace(written, toy)
    assert (read.images, read.stack_used_bytes) == (2, 220)
    expected = reference(toy_images(2))
    assert list(read.tensors) == ["conv0", "features", "decision"]
    for name, tensor in expected.items():
        np.testing.assert_array_equal(read.tensors[name], tensor)
        assert read.tensors[name].dtype == tensor.dtype


def test_every_truncation_is_refused(toy: Manifest, written: bytes) -> None:
    for length in range(len(written)):
        with pytest.raises(HvError, match="truncated"):
            trace.read_trace(written[:length], toy)


def test_every_altered_byte_is_refused(toy: Manifest, written: bytes) -> None:
    for place in range(len(written)):
        altered = bytearray(written)
        altered[place] ^= 0x10
        with pytest.raises(HvError):
            trace.read_trace(bytes(altered), toy)


def test_something_after_the_end_is_refused(toy: Manifest, written: bytes) -> None:
    with pytest.raises(HvError, match="something follows the end"):
        trace.read_trace(written + b"\0", toy)


def test_a_trace_of_another_kernel_is_refused(toy: Manifest, written: bytes) -> None:
    with pytest.raises(HvError, match="another kernel"):
        trace.read_trace(written, replace(toy, abi="0" * 64))


def test_records_in_another_order_are_refused(toy: Manifest, written: bytes) -> None:
    altered = bytearray(written)
    altered[trace.HEADER.size + 4] = 1  # the first record's layer
    with pytest.raises(HvError, match=r"image 0, layer conv0: the record says .*\(0, 1, 16\)"):
        trace.read_trace(_with_new_checksum(bytes(altered)), toy)


def test_a_wrong_end_is_refused(toy: Manifest, written: bytes) -> None:
    altered = bytearray(written)
    altered[-trace.TRAILER.size - trace.CRC.size] ^= 1
    with pytest.raises(HvError, match="its end is not the end of 6 records"):
        trace.read_trace(_with_new_checksum(bytes(altered)), toy)


def test_the_refusal_names_the_file(toy: Manifest) -> None:
    with pytest.raises(HvError) as caught:
        trace.read_trace(b"", toy, where="folder/trace.bin")
    assert caught.value.where == "folder/trace.bin"
    assert "run the firmware again" in caught.value.hint


def test_the_c_twin_has_the_same_constants() -> None:
    text = (resource("firmware") / "runtime" / "hv_trace.h").read_text()
    sizes = [int(size) for size in re.findall(r"_Static_assert\(sizeof\(\w+\) == (\d+)u", text)]
    trailer = trace.TRAILER.size + trace.CRC.size
    assert sizes == [trace.HEADER.size, trace.RECORD.size, trailer]
    assert f"#define HV_TRACE_VERSION {trace.VERSION}u" in text
    for name, magic in (("MAGIC", trace.MAGIC), ("END", trace.END_MAGIC)):
        characters = re.search(rf"HV_TRACE_{name} \\?\s*\{{(.*)\}}", text)
        assert characters is not None
        letters = re.findall(r"'(\\?.)'", characters[1])
        assert "".join(letters).replace("\\n", "\n").encode() == magic
