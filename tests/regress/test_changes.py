"""What is told of two records: every planted change, and nothing else."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.errors import HvError
from host_tools.regress.changes import ASPECTS, Change, find_changes
from host_tools.regress.junit import write_junit
from host_tools.regress.record import (
    Fleet,
    UserRecord,
    read_fleet,
    read_images,
    tensor_hashes,
    weights_hash,
    write_fleet,
)

ALICE = UserRecord(
    weights="w0",
    images=("door.jpg", "desk.jpg"),
    layers={"conv0": ("a0", "a1"), "head": ("b0", "b1"), "decision": ("c0", "c1")},
    verdicts=((100, 7, 1), (-50, 9, 0)),
    figures={"instructions": 1000, "cycles": 1200, "ram": 4096, "flash": 20000},
)


def fleet(**users: UserRecord) -> Fleet:
    return Fleet(version="1", target="cortex-m4", board="b", toolchain="gcc 12", users=users)


def told(**changes: object) -> list[tuple[str, str]]:
    new = dataclasses.replace(ALICE, **changes)  # type: ignore[arg-type]
    return [(c.aspect, c.text) for c in find_changes(fleet(alice=ALICE), fleet(alice=new))]


def test_the_same_is_no_change() -> None:
    assert find_changes(fleet(alice=ALICE), fleet(alice=ALICE)) == ()


def test_the_first_layer_that_differs_is_named() -> None:
    layers = {"conv0": ("a0", "a1"), "head": ("b0", "XX"), "decision": ("c0", "XX")}
    assert told(layers=layers) == [
        ("bits", "from layer head on, in 1 of 2 images; layers that differ: head, decision")
    ]


def test_scores_and_decisions_are_told_apart() -> None:
    assert told(verdicts=((103, 7, 1), (-50, 9, 0))) == [
        ("bits", "1 of 2 verdicts have other numbers, the score by +3 to +3")
    ]
    assert told(verdicts=((99, 7, 0), (-50, 9, 0))) == [
        ("bits", "1 of 2 verdicts have other numbers, the score by -1 to -1"),
        ("decisions", "door.jpg: accepted before, rejected now"),
    ]


@pytest.mark.parametrize(
    ("figure", "value", "text"),
    [
        ("cycles", 1260, "1,200 cycles before, 1,260 now (+5.00%)"),
        ("instructions", 999, "1,000 instructions before, 999 now (-0.10%)"),
        ("ram", 4100, "4,096 bytes before, 4,100 now (+0.10%)"),
        ("flash", None, "20,000 before, not known now"),
    ],
)
def test_figures(figure: str, value: int | None, text: str) -> None:
    figures = {**ALICE.figures, figure: value}
    kept = {name: number for name, number in figures.items() if number is not None}
    assert told(figures=kept) == [(figure, text)]


def test_layers_that_came_and_went() -> None:
    layers = {"conv0": ("a0", "a1"), "pool": ("d0", "d1"), "decision": ("c0", "c1")}
    assert told(layers=layers) == [("bits", "layers gone: head; new: pool; or in another order")]


def test_who_came_and_went() -> None:
    changes = find_changes(fleet(alice=ALICE), fleet(bob=ALICE))
    assert [(c.user, c.aspect, c.text) for c in changes] == [
        ("alice", "user", "is no longer there"),
        ("bob", "user", "is not in the record"),
    ]


@given(st.integers(0, 255), st.integers(0, 23))
def test_one_byte_of_one_image_changes_one_hash(value: int, position: int) -> None:
    tensor = np.arange(48, dtype=np.int8).reshape(2, 4, 6)
    other = tensor.copy()
    other[1].reshape(-1)[position] = np.uint8(value).astype(np.int8)
    before, now = tensor_hashes(tensor), tensor_hashes(other)
    assert before[0] == now[0]
    assert (before[1] == now[1]) == (tensor[1] == other[1]).all()


def test_a_hash_tells_shapes_types_and_thresholds_apart() -> None:
    tensor = np.zeros((1, 4, 2), np.int8)
    different = [tensor, tensor.reshape(1, 2, 4), np.zeros((1, 2), np.int32)]
    assert len({tensor_hashes(given)[0] for given in different}) == 3
    assert weights_hash({"a": tensor}, 0.5) != weights_hash({"a": tensor}, 0.25)
    assert weights_hash({"a": tensor}, 0.5) != weights_hash({"b": tensor}, 0.5)


def test_a_record_reads_back(tmp_path: Path) -> None:
    rows = np.arange(6, dtype=np.uint8).reshape(2, 3)
    write_fleet(tmp_path, fleet(alice=ALICE), {"alice": rows})
    assert read_fleet(tmp_path) == fleet(alice=ALICE)
    np.testing.assert_array_equal(read_images(tmp_path, "alice"), rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not a whole record"), ('{"format": 1}', "not a whole record"), ("[]", "not a whole"),
     ('{"format": 9}', "of another version")],
)  # fmt: skip
def test_what_is_no_record_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HvError, match="there is no record"):
        read_fleet(tmp_path)
    (tmp_path / "fleet.json").write_text(text)
    with pytest.raises(HvError, match=message):
        read_fleet(tmp_path)


def test_images_that_are_none_are_refused(tmp_path: Path) -> None:
    write_fleet(tmp_path, fleet(alice=ALICE), {"alice": np.zeros((2, 3), np.uint8)})
    path = tmp_path / "images" / "alice.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(HvError, match="cannot be read"):
        read_images(tmp_path, "alice")
    np.save(path, np.zeros((2, 3)))
    with pytest.raises(HvError, match="not images"):
        read_images(tmp_path, "alice")


def test_junit_has_a_case_for_each_aspect_of_each_user(tmp_path: Path) -> None:
    changes = [Change(user="bob", aspect="ram", text="<more> & more")]
    write_junit(tmp_path / "report.xml", ["alice", "bob"], changes)
    suite = ElementTree.parse(tmp_path / "report.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == (str(2 * (len(ASPECTS) + 1)), "1")
    failed = {
        (case.get("classname"), case.get("name")): failure.get("message")
        for case in suite.iter("testcase")
        for failure in case.iter("failure")
    }
    assert failed == {("regress.bob", "ram"): "<more> & more"}


def test_a_record_holds_no_weights(made: tuple[Path, Path]) -> None:
    record = json.loads((made[1] / "fleet.json").read_text())
    assert set(record["users"]["alice"]) == {"weights", "images", "layers", "verdicts", "figures"}
    assert len(record["users"]["alice"]["weights"]) == 16
