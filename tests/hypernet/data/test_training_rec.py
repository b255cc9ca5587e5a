"""InsightFace's .rec files, written here as MXNet writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import HvError
from hypernet.backbone import FaceEncoder
from hypernet.data import each, image_of, load_faces, open_source
from hypernet.data.record_io import read_record
from tests.face_files import (
    MAGIC,
    encoded,
    image_record,
    picture,
    training_records,
    write_records,
)

LABELS = [0, 0, 1, 2, 2, 2]
IMAGES = [encoded(seed) for seed in range(len(LABELS))]
RECORDS = training_records(LABELS, IMAGES)


def test_photographs_have_people(tmp_path: Path, stub: Callable[..., FaceEncoder]) -> None:
    source = open_source(write_records(tmp_path / "faces", RECORDS, people=3))
    for (name, person, image), number in zip(each(source), range(1, 7), strict=True):
        assert int(name) == number
        assert int(person) == LABELS[number - 1]
        np.testing.assert_array_equal(image, picture(number - 1))
    table = load_faces(source, encoder=stub, cache=tmp_path / "table", workers=2)
    assert table.person_numbers().tolist() == LABELS
    folds = dict(zip(table.people, table.folds, strict=True))
    assert all(folds[photo.person] == photo.fold for photo in source.photos)
    assert open_source(tmp_path / "faces" / "train.rec").photos == source.photos


def test_a_set_without_header(tmp_path: Path) -> None:
    """As MXNet's im2rec writes it: numbers from 0 on, several labels, the first one counts."""
    records = {
        number: image_record(number, (label, 5.0, 6.0), image)
        for number, (label, image) in enumerate(zip(LABELS, IMAGES, strict=True))
    }
    source = open_source(write_records(tmp_path, records))
    assert [int(photo.person) for photo in source.photos] == LABELS
    np.testing.assert_array_equal(image_of(source, 5), picture(5))


@given(
    st.lists(st.one_of(st.just(MAGIC), st.binary(max_size=9), st.just(MAGIC[:2])), max_size=12).map(
        b"".join
    )
)
@settings(max_examples=100, deadline=None)
def test_the_magic_number_may_stand_in_a_photograph(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        one = image_record(3, 4.0, content)
        path = write_records(Path(scratch), {2: image_record(2, 1.0, b"x"), 3: one}) / "train.rec"
        read = read_record(path, path.stat().st_size - len(one), 3)
    assert (read.content, read.labels, read.number) == (content, (4.0,), 3)


MXNET_WROTE = bytes.fromhex(
    "0a23d7ce20000000020000000000000000000000000000000000000000000000000040400000a040"
    "0a23d7ce1c000020000000000000803f01000000000000000000000000000000616263640a23d7ce"
    "0800004065660a23d7ce67680a23d7ce000000400a23d7ce01000060690000000a23d7ce1b000000"
    "00000000000000000200000000000000000000000000000078797a00"
)
"""Three records by libmxnet 1.9.1, MXRecordIOWriterWriteRecord; they begin at 0, 40 and 112."""


def test_bytes_that_mxnet_wrote(tmp_path: Path) -> None:
    """The magic number in the second one: aligned, across two words, and twice in a row."""
    content = b"abcd" + MAGIC + b"ef" + MAGIC + b"gh" + MAGIC * 2 + b"i"
    ours = [
        image_record(0, (3.0, 5.0), b""),
        image_record(1, 1.0, content),
        image_record(2, 0.0, b"xyz"),
    ]
    assert b"".join(ours) == MXNET_WROTE
    (tmp_path / "train.rec").write_bytes(MXNET_WROTE)
    (tmp_path / "train.idx").write_text("0\t0\n1\t40\n2\t112\n3\t0\n4\t0\n")
    source = open_source(tmp_path)
    assert [source.read(row) for row in range(2)] == [content, b"xyz"]
    assert [int(photo.person) for photo in source.photos] == [1, 0]


def _break(folder: Path, file: str, change: Callable[[bytes], bytes]) -> Path:
    path = folder / file
    path.write_bytes(change(path.read_bytes()))
    return folder


def _place(number: int) -> int:
    return sum(len(RECORDS[before]) for before in range(number))


def _at(place: int, new: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data[:place] + new + data[place + len(new) :]


@pytest.mark.parametrize(
    ("file", "change", "fault", "where"),
    [
        ("train.rec", lambda data: data[: _place(6) + 70], "ends within the record", "record 6"),
        ("train.rec", lambda data: data[: _place(6)], "ends before the record", "record 6"),
        ("train.rec", lambda _: b"", "cannot be read", "train.rec"),
        ("train.rec", _at(_place(2), b"JUNK"), "no record begins here: 0x4b4e554a", "record 2"),
        ("train.rec", _at(_place(3) + 7, b"\x40"), "with the wrong part", "record 3"),
        ("train.rec", _at(_place(3) + 7, b"\x20"), "with the wrong part", "record 3"),
        ("train.rec", _at(_place(3) + 4, b"\x10\0\0\0"), "too short for its header", "record 3"),
        ("train.rec", _at(_place(3) + 8, b"\xff\xff"), "for its 65535 labels", "record 3"),
        ("train.rec", _at(_place(3) + 16, b"\x05"), "the index says 3, the record 5", "byte"),
        ("train.idx", lambda _: b"", "the index names no record", "train.idx"),
        ("train.idx", lambda data: data + b"nine\t9\n", "not an entry: 'nine", "line 11"),
        ("train.idx", lambda data: data + b"-9\t9\n", "not an entry: '-9", "line 11"),
        ("train.idx", lambda data: data + b"3\t9\n", "record 3 comes twice", "line 11"),
        ("train.idx", lambda data: data[data.index(b"\n5\t") + 1 :], "disagree|out|no", "train"),
        ("train.idx", lambda data: data.replace(b"\n4\t", b"\n44\t"), "lacks 1", "train.rec"),
        ("train.idx", lambda data: data.replace(b"\n2\t", b"\n2\t4"), "begins here|ends", "cord 2"),
        ("train.idx", lambda data: data + b"10\t0\n", "index ends with 10", "train.rec"),
        ("property", lambda _: b"three", "property file cannot be read", "property"),
        ("property", lambda _: b"2,112,112", "label 2 is none of the set's 2 people", "record 4"),
    ],
)
def test_damage_is_named(
    file: str, change: Callable[[bytes], bytes], fault: str, where: str, tmp_path: Path
) -> None:
    folder = write_records(tmp_path / "faces", RECORDS, people=3)
    open_source(folder)
    with pytest.raises(HvError, match=fault) as caught:
        open_source(_break(folder, file, change))
    assert where in caught.value.where


@pytest.mark.parametrize("label", [-1.0, 0.5, float("nan"), float("inf"), 3.0])
def test_labels_are_people(label: float, tmp_path: Path) -> None:
    records = {**RECORDS, 4: image_record(4, label, IMAGES[3])}
    with pytest.raises(HvError, match="the label") as caught:
        open_source(write_records(tmp_path, records))
    assert "record 4" in caught.value.where


def test_a_number_that_was_left_out_is_no_fault(tmp_path: Path) -> None:
    records = {**RECORDS, 4: image_record(0, 2.0, IMAGES[3])}
    assert len(open_source(write_records(tmp_path, records)).photos) == 6


@pytest.mark.parametrize("file", ["train.rec", "train.idx"])
def test_both_files_are_needed(file: str, tmp_path: Path) -> None:
    folder = write_records(tmp_path / "faces", RECORDS)
    (folder / file).unlink()
    with pytest.raises(HvError, match=f"there is no {file}"):
        open_source(folder)


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HvError, match="holds no photograph"):
        open_source(write_records(tmp_path, {0: image_record(0, (1.0, 1.0), b"")}))


def test_a_damaged_photograph_is_named(tmp_path: Path, stub: Callable[..., FaceEncoder]) -> None:
    records = {**RECORDS, 5: image_record(5, 2.0, IMAGES[4][:40])}
    folder = write_records(tmp_path / "faces", records)
    with pytest.raises(HvError, match="not an image, or a damaged one") as caught:
        load_faces(folder, encoder=stub, cache=tmp_path / "table", workers=2)
    assert "00000005" in caught.value.where


def test_one_photograph_under_two_people_is_refused(
    tmp_path: Path, stub: Callable[..., FaceEncoder]
) -> None:
    records = training_records(LABELS, [*IMAGES[:5], IMAGES[0]])
    with pytest.raises(HvError, match=r"00000001 of 0000000 is.* 00000006 of 0000002"):
        load_faces(
            write_records(tmp_path / "faces", records), encoder=stub, cache=tmp_path / "table"
        )
