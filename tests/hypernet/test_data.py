"""The data folder: index, pairs, and the cached table of faces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codegen.errors import HvError
from hypernet.backbone import FaceEncoder
from hypernet.data import (
    FOUND,
    NOT_FOUND,
    default_cache,
    describe_photo,
    load_faces,
    read_index,
    read_pairs,
    read_table,
)

PEOPLE = {"Ada": 2, "Bob": 1, "Cyd": 3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six photographs of three people; Bob's photograph is black."""
    root = tmp_path / "photos"
    lines = ["file,identity,index,view2_fold"]
    for fold, (person, count) in enumerate(PEOPLE.items(), start=1):
        (root / person).mkdir(parents=True)
        for number in range(1, count + 1):
            file = f"{person}/{person}_{number:04d}.jpg"
            Image.new("RGB", (16, 16), (0 if person == "Bob" else 200,) * 3).save(root / file)
            lines.append(f"{file},{person},{number},{fold}")
    (root / "index.csv").write_text("\n".join(lines))
    (root / "pairs.txt").write_text("1\t1\nAda\t1\t2\nAda\t2\tCyd\t3\n")
    return root


@pytest.fixture
def encoder(stub: Callable[..., FaceEncoder]) -> Callable[[], FaceEncoder]:
    return stub


def test_index_is_read(folder: Path) -> None:
    photos = read_index(folder)
    assert [photo.person for photo in photos] == ["Ada", "Ada", "Bob", "Cyd", "Cyd", "Cyd"]
    assert [photo.fold for photo in photos] == [1, 1, 2, 3, 3, 3]


def test_a_folder_without_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HvError, match=r"no index\.csv") as caught:
        load_faces(tmp_path)
    assert caught.value.where == str(tmp_path)


@pytest.mark.parametrize("text", ["file,identity\na,b\n", "file,identity,view2_fold\na,b,x\n"])
def test_a_bad_index_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(HvError, match=r"index\.csv cannot be read"):
        read_index(tmp_path)


def test_faces_are_found_once_and_cached(
    folder: Path, encoder: Callable[[], FaceEncoder], tmp_path: Path
) -> None:
    cache, seen = tmp_path / "cache" / "faces.npz", []
    told = lambda done, total: seen.append((done, total))  # noqa: E731
    first = load_faces(folder, encoder=encoder, cache=cache, progress=told)
    assert seen == [(done, 6) for done in range(1, 7)]
    assert [path.name for path in cache.parent.iterdir()] == ["faces.npz"]
    again = load_faces(folder, encoder=encoder, cache=cache, progress=told)
    assert len(seen) == 6
    for name in ("files", "people", "folds", "chips", "embeddings", "found"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.person_numbers().tolist() == [0, 0, 1, 2, 2, 2]


def test_two_processes_find_what_one_finds(
    folder: Path, encoder: Callable[[], FaceEncoder], tmp_path: Path
) -> None:
    one = load_faces(folder, encoder=encoder, cache=tmp_path / "one.npz")
    two = load_faces(folder, encoder=encoder, cache=tmp_path / "two.npz", workers=2)
    for name in ("files", "people", "folds", "chips", "embeddings", "found"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_a_table_of_other_photographs_is_refused(
    folder: Path, encoder: Callable[[], FaceEncoder], tmp_path: Path
) -> None:
    cache = tmp_path / "faces.npz"
    load_faces(folder, encoder=encoder, cache=cache)
    with pytest.raises(HvError, match="of other photographs"):
        read_table(cache, files=["x.jpg"])
    cache.write_bytes(cache.read_bytes()[:100])
    with pytest.raises(HvError, match="cannot be read"):
        load_faces(folder, encoder=encoder, cache=cache)


def test_an_interrupted_search_leaves_no_cache(
    folder: Path, encoder: Callable[[], FaceEncoder], tmp_path: Path
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    cache = tmp_path / "faces.npz"
    with pytest.raises(KeyboardInterrupt):
        load_faces(folder, encoder=encoder, cache=cache, progress=interrupt)
    assert not cache.exists()


def test_each_index_has_its_own_cache(folder: Path) -> None:
    before = default_cache(folder)
    (folder / "index.csv").write_text("file,identity,view2_fold\n")
    assert default_cache(folder) != before


def test_pairs_are_rows(folder: Path, encoder: Callable[[], FaceEncoder], tmp_path: Path) -> None:
    table = load_faces(folder, encoder=encoder, cache=tmp_path / "faces.npz")
    pairs = read_pairs(folder, table)
    assert pairs.first.tolist() == [0, 1]
    assert pairs.second.tolist() == [1, 5]
    assert pairs.same.tolist() == [True, False]
    assert pairs.folds.tolist() == [1, 1]


@pytest.mark.parametrize(("line", "fault"), [("Ada\t1", "not a pair"), ("Ada\t1\t9", "no such")])
def test_bad_pairs_are_named(
    line: str,
    fault: str,
    folder: Path,
    encoder: Callable[[], FaceEncoder],
    tmp_path: Path,
) -> None:
    table = load_faces(folder, encoder=encoder, cache=tmp_path / "faces.npz")
    (folder / "pairs.txt").write_text(f"1\t1\n{line}\n")
    with pytest.raises(HvError, match=fault):
        read_pairs(folder, table)


def test_a_photograph_without_face_stays_in_the_table(
    stub: Callable[..., FaceEncoder],
) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    assert describe_photo(stub(), image).found == FOUND
    nothing = describe_photo(stub(widths=()), image)
    assert nothing.found == NOT_FOUND
    assert not nothing.chip.any()
    assert not nothing.embedding.any()


def test_the_most_central_face_is_taken(stub: Callable[..., FaceEncoder]) -> None:
    """The stub's boxes begin at the corner: in a picture of 60 pixels one of 60 is central."""
    row = describe_photo(stub(widths=(10, 60, 200)), np.zeros((60, 60, 3), np.uint8))
    assert row.chip[0, 1].tolist() == [60, 60, 60]
