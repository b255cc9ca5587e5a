"""Shards in webdataset's form."""

from __future__ import annotations

import gzip
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import HvError
from hypernet.backbone import FaceEncoder
from hypernet.data import each, load_faces, open_source
from tests.face_files import encoded, picture, sample, write_shard

PEOPLE = ["Ada", "Ada", "17", "Bob B.", "Bob B.", "Ada"]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Three shards of two photographs, labels as text and as JSON, and other members."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in range(3):
        members = [("readme.txt", b"not a photograph")]
        for seed in (2 * number, 2 * number + 1):
            key = f"a.b/photo{seed:03d}"
            members += sample(key, PEOPLE[seed], encoded(seed), label=("cls", "json")[seed % 2])
            members.append((f"{key}.pyd", pickle.dumps("never read")))
        write_shard(folder / f"faces-{number:03d}.tar", members)
    return folder


@pytest.mark.parametrize("spec", ["", "faces-{000..002}.tar", "faces-0{0..0}{0..2}.tar"])
def test_photographs_have_people(
    spec: str, shards: Path, stub: Callable[..., FaceEncoder], tmp_path: Path
) -> None:
    source = open_source(shards / spec)
    for seed, (name, person, image) in enumerate(each(source)):
        assert name == f"faces-{seed // 2:03d}/a.b/photo{seed:03d}.png"
        assert person == PEOPLE[seed]
        np.testing.assert_array_equal(image, picture(seed))
    table = load_faces(source, encoder=stub, cache=tmp_path / "table", workers=2)
    assert table.people.tolist() == PEOPLE


def test_one_shard_is_enough(shards: Path) -> None:
    assert len(open_source(shards / "faces-001.tar").photos) == 2
    assert len(open_source(str(shards / "faces-{001..002}.tar")).photos) == 4


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_every_format(format: int, tmp_path: Path) -> None:
    key = "folder/" * 12 + "k" * 90
    path = tmp_path / "one.tar"
    write_shard(path, sample(key, "Ada", encoded(3)))
    with tarfile.open(path) as old, tarfile.open(tmp_path / "new.tar", "w", format=format) as new:
        for member in old.getmembers():
            new.addfile(member, old.extractfile(member))
    (_, person, image), *_ = each(open_source(tmp_path / "new.tar"))
    assert person == "Ada"
    np.testing.assert_array_equal(image, picture(3))


def test_a_missing_shard_is_named(shards: Path) -> None:
    with pytest.raises(HvError, match="2 of 5 shards are missing") as caught:
        open_source(shards / "faces-{000..004}.tar")
    assert "faces-003.tar" in caught.value.where
    with pytest.raises(HvError, match="is no range of shards"):
        open_source(shards / "faces-{004..000}.tar")


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ([("a.png", encoded(1))], "1 photographs and 0 labels have one key"),
        ([("a.png", encoded(1)), ("b.cls", b"1")], "1 photographs and 0 labels"),
        ([("a.png", encoded(1)), ("a.jpg", encoded(2)), ("a.cls", b"1")], "2 photographs and 1"),
        ([("a.png", encoded(1)), ("a.cls", b" \n")], "the label names nobody"),
        ([("a.png", encoded(1)), ("a.cls", b"\xff\xfe")], "the label cannot be read"),
        ([("a.png", encoded(1)), ("a.json", b"{")], "the label cannot be read"),
        ([("a.png", encoded(1)), ("a.json", b"{}")], "the label names nobody"),
        ([("a.png", encoded(1)), ("a.json", b'{"label": [1]}')], "the label names nobody"),
        ([("a.png", encoded(1)), ("a.json", b"1.5")], "the label names nobody"),
        (sample("a", 1, encoded(1)) * 2, "4 members|2 photographs"),
        ([*sample("a", 1, encoded(1)), ("c.txt", b""), *sample("a", 1, b"x")], "two photographs"),
        ([("a.txt", b"")], "the shards hold no photograph"),
        ([("a.png", encoded(1)), ("a.cls", bytes(2 << 20))], "the label is 2,097,152 bytes long"),
    ],
)
def test_mislabelled_shards_are_refused(
    members: list[tuple[str, bytes]], fault: str, tmp_path: Path
) -> None:
    with pytest.raises(HvError, match=fault) as caught:
        open_source(write_shard(tmp_path / "one.tar", members))
    assert "one.tar" in caught.value.where


@pytest.mark.parametrize("cut", [600, 1024, 1100, 2000, 2560, 3072])
def test_a_cut_shard_is_refused(cut: int, tmp_path: Path) -> None:
    """At any place, between two members too, where a tar looks whole."""
    path = write_shard(tmp_path / "one.tar", sample("a", 1, encoded(1)) + sample("b", 1, b"x" * 9))
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
    assert cut < last.offset_data + 1024
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(HvError, match=r"damaged one|cut short"):
        open_source(path)


def test_other_files_are_no_shards(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "one.tar", sample("a", 1, encoded(1)))
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(HvError, match="not a shard"):
        open_source(path)
    path.write_bytes(b"")
    with pytest.raises(HvError, match=r"damaged one|cut short"):
        open_source(path)


def test_a_damaged_photograph_is_named(
    shards: Path, stub: Callable[..., FaceEncoder], tmp_path: Path
) -> None:
    write_shard(shards / "faces-001.tar", sample("bad", "Eve", encoded(2)[:50]))
    with pytest.raises(HvError, match="not an image, or a damaged one") as caught:
        load_faces(shards, encoder=stub, cache=tmp_path / "table")
    assert "faces-001/bad.png" in caught.value.where
