"""Pairs: LFW's files, with and without an index, and pairs drawn from labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import HvError
from hypernet.backbone import FaceEncoder
from hypernet.data import (
    Photo,
    load_faces,
    load_pairs,
    open_pairs,
    open_source,
    pair_files,
    read_pairs,
    read_pairs_file,
    sample_pairs,
)
from tests.face_files import encoded, write_people

Encoder = Callable[[], FaceEncoder]
TWO_FOLDS = "2\t1\nAda\t1\t2\nAda\t2\tCyd\t3\nCyd\t1\t3\nBob\t1\tAda\t1\n"


def test_pairs_are_rows(folder: Path, encoder: Encoder, tmp_path: Path) -> None:
    table = load_faces(folder, encoder=encoder, cache=tmp_path / "faces")
    pairs = read_pairs(folder, table)
    assert pairs.first.tolist() == [0, 1]
    assert pairs.second.tolist() == [1, 5]
    assert pairs.same.tolist() == [True, False]
    assert pairs.folds.tolist() == [1, 1]
    assert pair_files(folder, [1]) == {"Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", "Cyd/Cyd_0003.jpg"}


def test_pairs_need_no_index(folder: Path, encoder: Encoder, tmp_path: Path) -> None:
    """The same pairs by a file and a folder in LFW's layout; only what they name is looked at."""
    (folder / "pairs.txt").write_text(TWO_FOLDS)
    indexed = open_pairs(folder, folds=[2])
    (folder / "index.csv").unlink()
    (folder / "Ada" / "Ada_0002.png").write_bytes(b"no image, and not needed")
    pairs = open_pairs(folder / "pairs.txt", folder, folds=[2])
    assert pairs.pairs == indexed.pairs
    seen: list[int] = []
    table, rows = load_pairs(
        pairs, encoder=encoder, cache=tmp_path / "faces", progress=lambda _, n: seen.append(n)
    )
    assert seen == [4] * 4
    named = [(table.files[a], table.files[b]) for a, b in zip(rows.first, rows.second, strict=True)]
    assert named == [
        ("Cyd/Cyd_0001.png", "Cyd/Cyd_0003.png"),
        ("Bob/Bob_0001.png", "Ada/Ada_0001.png"),
    ]
    assert rows.folds.tolist() == [2, 2]


def test_a_header_of_one_number_is_one_block(tmp_path: Path) -> None:
    """LFW's pairsDevTest.txt."""
    path = tmp_path / "pairsDevTest.txt"
    path.write_text("2\nAda\t1\t2\nCyd\t1\t3\nAda\t2\tCyd\t3\nBob\t1\tAda\t1\n\n")
    pairs = read_pairs_file(path)
    assert [pair.same for pair in pairs] == [True, True, False, False]
    assert {pair.fold for pair in pairs} == {1}


@given(
    folds=st.integers(1, 12),
    per_class=st.integers(1, 5),
    name=st.text(st.characters(categories=["L", "P"]), min_size=1).map("a {} b".format),
)
@settings(max_examples=20, deadline=None)
def test_folds_are_counted_by_blocks(folds: int, per_class: int, name: str) -> None:
    import tempfile

    block = f"{name}\t1\t12345\n" * per_class + f"{name}\t1\tElse\t2\n" * per_class
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "pairs.txt"
        path.write_text(f"{folds}\t{per_class}\n" + block * folds, "utf-8")
        pairs = read_pairs_file(path)
    assert Counter(pair.fold for pair in pairs) == dict.fromkeys(range(1, folds + 1), 2 * per_class)
    assert pairs[0].second == f"{name}/{name}_12345.jpg"
    assert pairs[-1].second == "Else/Else_0002.jpg"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the pairs file is empty"),
        ("hello\nAda\t1\t2\n", "begins with 'hello'"),
        ("1\t0\n", r"begins with '1\\t0'"),
        ("1\t1\nAda\t1\n", "not a pair: Ada"),
        ("1\t1\nAda\tone\ttwo\n", "not a pair: Ada"),
        ("1\t1\nAda\t-1\t2\n", "not a pair: Ada"),
        ("1\t1\nAda\t1\t1\nAda\t2\tCyd\t3\n", "not a pair of two photographs"),
        ("1\t1\nAda\t1\t2\nAda\t2\tAda\t1\n", "not a pair of two people"),
        ("1\t2\nAda\t1\t2\nAda\t2\tCyd\t3\n", "promises 1 x 2 x 2 = 4 pairs, but there are 2"),
        ("1\nAda\t1\t2\nAda\t2\tCyd\t3\nAda\t2\tCyd\t3\n", "but there are 3"),
        ("1\t1\nAda\t1\t9\nAda\t2\tEve\t3\n", r"no such photograph: Ada/Ada_0009\.jpg, Eve/Eve"),
    ],
)
def test_bad_pairs_are_named(text: str, fault: str, folder: Path) -> None:
    (folder / "pairs.txt").write_text(text)
    with pytest.raises(HvError, match=fault):
        open_pairs(folder)


def test_pairs_that_are_not_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(HvError, match="no pair belongs to fold"):
        open_pairs(folder, folds=[7])
    with pytest.raises(HvError, match="there is no pairs file"):
        open_pairs(tmp_path / "none.txt", folder)
    with pytest.raises(HvError, match="no pairs there"):
        open_pairs(folder / "pairs.txt")
    (tmp_path / "pairs.txt").write_bytes(b"\xff\xfe1\n")
    with pytest.raises(HvError, match="cannot be read"):
        open_pairs(tmp_path / "pairs.txt", folder)


def _photos(people: dict[str, int], fold: int = 1) -> list[Photo]:
    return [
        Photo(file=f"{person}/{number}", person=person, fold=fold)
        for person, count in people.items()
        for number in range(count)
    ]


@given(
    counts=st.lists(st.integers(1, 6), min_size=2, max_size=8).filter(lambda c: max(c) > 1),
    per_class=st.integers(1, 40),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_drawn_pairs_are_what_they_say(counts: list[int], per_class: int, seed: int) -> None:
    photos = _photos({f"p{number}": count for number, count in enumerate(counts)})
    pairs = sample_pairs(photos, folds=[1], per_class=per_class, seed=seed)
    person = {photo.file: photo.person for photo in photos}
    assert all((person[pair.first] == person[pair.second]) is pair.same for pair in pairs)
    assert len({frozenset((pair.first, pair.second)) for pair in pairs}) == len(pairs)
    assert all(pair.first != pair.second for pair in pairs)
    possible = sum(count * (count - 1) // 2 for count in counts)
    total = sum(counts)
    assert sum(pair.same for pair in pairs) == min(per_class, possible)
    assert sum(not pair.same for pair in pairs) == min(
        per_class, possible, total * (total - 1) // 2 - possible
    )
    assert pairs == sample_pairs(photos, folds=[1], per_class=per_class, seed=seed)


def test_everybody_gives_a_pair_before_anybody_gives_two() -> None:
    pairs = sample_pairs(_photos({"Ada": 30, "Bob": 2, "Cyd": 3}), folds=[1], per_class=4)
    people = [pair.first.split("/")[0] for pair in pairs if pair.same]
    assert people[:3] == ["Ada", "Bob", "Cyd"]


def test_pairs_cannot_be_drawn_from_nothing() -> None:
    with pytest.raises(HvError, match="fold 1: 2 people, 0 of them"):
        sample_pairs(_photos({"Ada": 1, "Bob": 1}), folds=[1])
    with pytest.raises(HvError, match="fold 2: 0 people"):
        sample_pairs(_photos({"Ada": 2, "Bob": 1}), folds=[1, 2])


def test_people_have_folds_of_their_own(tmp_path: Path) -> None:
    """By name alone: who else is there changes nothing."""
    many = {f"Person {number}": 2 for number in range(60)}
    source = open_source(write_people(tmp_path / "many", many), folds=4)
    folds = {photo.person: photo.fold for photo in source.photos}
    assert len({(photo.person, photo.fold) for photo in source.photos}) == len(many)
    assert set(folds.values()) == {1, 2, 3, 4}
    assert min(Counter(folds.values()).values()) >= 6
    few = open_source(write_people(tmp_path / "few", {"Person 7": 1, "Eve": 1}), folds=4)
    assert {photo.person: photo.fold for photo in few.photos}["Person 7"] == folds["Person 7"]
    pairs = sample_pairs(source.photos, folds=[3])
    named = {pair.first.split("/")[0] for pair in pairs} | {
        pair.second.split("/")[0] for pair in pairs
    }
    assert {folds[person] for person in named} == {3}


def test_index_faults(folder: Path) -> None:
    text = (folder / "index.csv").read_text()
    for bad, fault in (
        ("file,identity\na,b\n", "cannot be read"),
        ("file,identity,view2_fold\na,b,x\n", "cannot be read"),
        ("file,identity,view2_fold\n", "names no photograph"),
        (text + "\n" + text.splitlines()[1], "names a photograph twice: Ada/Ada_0001.png"),
    ):
        (folder / "index.csv").write_text(bad)
        with pytest.raises(HvError, match=fault):
            open_source(folder)


def test_people_faults(tmp_path: Path, encoder: Encoder) -> None:
    with pytest.raises(HvError, match="no such photographs"):
        open_source(tmp_path / "nowhere")
    (tmp_path / "photo.png").write_bytes(encoded(1))
    with pytest.raises(HvError, match="no photographs of a known kind"):
        open_source(tmp_path)
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "notes.txt").write_text("no photograph")
    (tmp_path / "Bob").mkdir()
    with pytest.raises(HvError, match="2 people have no photograph: Ada, Bob"):
        open_source(tmp_path)
    with pytest.raises(HvError, match="0 folds"):
        open_source(tmp_path, folds=0)


def test_a_changed_photograph_is_another_collection(folder: Path) -> None:
    (folder / "index.csv").unlink()
    before = open_source(folder).fingerprint
    assert open_source(folder).fingerprint == before
    (folder / "Bob" / "Bob_0001.png").write_bytes(encoded(77))
    assert open_source(folder).fingerprint != before


def test_index_is_read(folder: Path) -> None:
    source = open_source(folder)
    assert [photo.person for photo in source.photos] == ["Ada", "Ada", "Bob", "Cyd", "Cyd", "Cyd"]
    np.testing.assert_array_equal([photo.fold for photo in source.photos], [1, 1, 2, 3, 3, 3])
