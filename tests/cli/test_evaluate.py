"""`evaluate`: the scores of the C, users of a store, what it prints and draws."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codegen.cli import evaluating_several
from codegen.cli.evaluating import Kernel, c_scores, has_shared_body, shared_body_scores
from codegen.cli.evaluation_plot import Curve, Panel, draw_evaluation
from codegen.cli.evaluation_report import Report, as_json, as_lines
from codegen.cli.evaluation_run import write_card
from codegen.cli.pair_source import Protocol
from codegen.store import User
from hypernet.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hypernet.data import FaceTable, Pairs
from hypernet.evaluation import (
    embedding_scores,
    evaluate,
    evaluate_everybody,
    everybody,
    score_both_ways,
)
from hypernet.scores import float_scores, unit_directions
from tests import networks
from tests.cli.conftest import Run


@pytest.fixture
def faces() -> FaceTable:
    """Twelve chips of noise with embeddings of six people."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(6), 2)
    centres = rng.normal(size=(6, 128))
    return FaceTable(
        files=np.array([f"{row}.jpg" for row in range(12)]),
        people=people.astype(str),
        folds=np.full(12, 9, np.int32),
        chips=rng.integers(0, 256, (12, 128, 128, 3), dtype=np.uint8),
        embeddings=(centres[people] + 0.1 * rng.normal(size=(12, 128))).astype(np.float32),
        found=np.ones(12, np.int8),
    )


@pytest.fixture(scope="module")
def pq() -> Checkpoint:
    return load_checkpoint("pq")


def test_the_matrix_is_what_the_c_says_pair_by_pair(
    faces: FaceTable, pq: Checkpoint, tmp_path: Path
) -> None:
    """Tolerance zero, on a random sample of all pairs."""
    kernel = Kernel(pq, faces, tmp_path / "kernel")
    told: list[int] = []
    pairs = everybody(np.arange(12), faces.person_numbers())
    matrix = shared_body_scores(kernel, told.append)(pairs.first, pairs.second)
    assert sum(told) == len(matrix) == 132
    sample = np.random.default_rng(1).choice(len(matrix), 40, replace=False)
    by_pair = c_scores(kernel, told.append)(pairs.first[sample], pairs.second[sample])
    np.testing.assert_array_equal(matrix[sample], by_pair)
    assert len(np.unique(by_pair)) > 30  # a constant would agree with a constant


def test_the_c_is_scored_in_deviations_where_there_is_a_cohort(
    faces: FaceTable, tmp_path: Path
) -> None:
    """As real numbers are; the cosines themselves lie far off."""
    checkpoint = load_checkpoint("pb")
    enrolled, streamed = np.repeat(np.arange(3), 12), np.tile(np.arange(12), 3)
    real = float_scores(checkpoint.build(), faces, checkpoint.comparable)(enrolled, streamed)
    cosines = float_scores(checkpoint.build(), faces)(enrolled, streamed)
    kernel = Kernel(checkpoint, faces, tmp_path / "kernel")
    for scores in (c_scores, shared_body_scores):
        found = scores(kernel, lambda pairs: None)(enrolled, streamed)
        assert np.abs(found - real).max() < 0.5 * np.abs(cosines - real).max()


def test_a_personal_body_has_no_matrix() -> None:
    assert has_shared_body(load_checkpoint("pq").architecture)
    assert not has_shared_body(load_checkpoint("pq-full").architecture)


@pytest.fixture
def report(faces: FaceTable, pq: Checkpoint) -> Report:
    score = embedding_scores(unit_directions(pq.build(), faces.embeddings).numpy())
    first = np.array([0, 2, 4, 6, 0, 2, 4, 6])
    second = np.array([1, 3, 5, 7, 2, 4, 6, 0])
    folds = np.array([8, 9] * 4, np.int32)
    pairs = Pairs(first=first, second=second, same=np.arange(8) < 4, folds=folds)
    people = faces.person_numbers()
    found = evaluate(
        score_both_ways(pairs, score, faces.found),
        people,
        test_folds=(9,),
        tuning_folds=(8,),
        threshold=0.5,
        resamples=20,
    )
    crowd = everybody(np.arange(12), people)
    measured = evaluate_everybody(
        crowd, score(crowd.first, crowd.second), threshold=0.5, resamples=20
    )
    return Report(
        checkpoint="pq",
        precision="int8",
        threshold=0.5,
        protocol="made",
        test_folds=(9,),
        tuned="fold 8",
        verifier=found,
        ceiling=found,
        everybody=(measured, measured),
    )


def test_json_has_the_promised_keys(report: Report) -> None:
    data = as_json(report)
    promised = {"accuracy", "auc", "eer", "tar_at_far", "precision", "directions", "pairs"}
    assert promised <= set(data)
    assert data["tar_at_far"] == {"0.01": None, "0.001": None}
    assert set(data["not_quoted"]) == {"0.01", "0.001"}
    assert set(data["directions"]) == {"first_enrols", "second_enrols", "mean"}
    assert "300 are needed" in data["not_quoted"]["0.01"]
    assert set(data["all_against_all"]["first_photograph_enrols"]["tar_at_far"]) == {
        "0.01",
        "0.001",
        "0.0001",
    }


def test_lines_say_what_is_not_quoted(report: Report) -> None:
    text = "\n".join(as_lines(report))
    assert "h_bb itself, the ceiling" in text
    assert "not quoted: 2 impostor pairs cannot support a false accept rate of 0.01" in text
    assert "12 photographs of 6 people" in text


def test_a_card_takes_what_was_measured(report: Report, pq: Checkpoint, tmp_path: Path) -> None:
    path = save_checkpoint(pq, tmp_path)
    data = as_json(report)
    assert write_card(str(path), data) == path
    loaded = load_checkpoint(path)
    measured = loaded.card["measured"]["int8, made"]
    assert measured["auc"] == pytest.approx(data["auc"], abs=1e-5)
    assert measured["tar_at_far"]["0.01"] is None
    write_card(str(path), {**data, "precision": "float"})
    assert {"int8, made", "float, made"} <= set(load_checkpoint(path).card["measured"])
    for name, values in pq.tensors.items():
        np.testing.assert_array_equal(loaded.tensors[name], values)


def test_several_photographs_and_frames(
    faces: FaceTable, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = Protocol(
        name="made",
        table=faces,
        pairs=Pairs(
            first=np.array([0]),
            second=np.array([1]),
            same=np.array([True]),
            folds=np.array([9], np.int32),
        ),
        test_folds=(9,),
        tuning_folds=None,
        labelled=True,
    )
    monkeypatch.setattr(evaluating_several, "open_protocol", lambda order: protocol)
    words = ("evaluate", "--images", ".", "--checkpoint", "pq", "--enrol-photos")
    few = run(*words, "2")
    assert few.code == 1
    assert "0 people have 3 photographs" in few.err
    folds = np.full(12, 9, np.int32)
    two = dataclasses.replace(faces, people=np.repeat(["a", "b", "c"], 4), folds=folds)
    protocol = dataclasses.replace(protocol, table=two)
    answer = run(*words, "2", "--frames", "2", "--json")
    assert answer.code == 0, answer.err
    orders = [(one["photos"], one["frames"]) for one in answer.json["several"]]
    assert orders == [(1, 1), (2, 1), (1, 2), (2, 2)]
    assert all(one["people"] == 3 for one in answer.json["several"])


def test_pictures_are_the_same_bytes_again(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    rng = np.random.default_rng(0)
    same = np.arange(400) < 200
    curve = Curve(label="one", scores=rng.normal(size=400) + 2 * same, same=same)
    panel = Panel(title="made", curves=[curve], impostor_pairs=200, threshold=1.0)
    once = [path.read_bytes() for path in draw_evaluation([panel], tmp_path)]
    assert [path.read_bytes() for path in draw_evaluation([panel], tmp_path)] == once
    assert sorted(path.name for path in tmp_path.iterdir()) == ["det.png", "roc.png", "scores.png"]


@pytest.fixture
def people(alice: User, tmp_path: Path) -> Path:
    """A folder for alice and one for a stranger, with crops of her network's size."""
    folder = tmp_path / "people"
    for index, image in enumerate(networks.images(alice.quant_net.arch, 8, seed=5)):
        own = folder / ("alice" if index < 4 else "bob")
        own.mkdir(parents=True, exist_ok=True)
        pixels = image if image.shape[2] == 3 else image[:, :, 0]
        Image.fromarray(pixels).save(own / f"{index}.png")
    return folder


@pytest.mark.parametrize("precision", ["int8", "float"])
def test_users_of_a_store(run: Run, store: Path, people: Path, precision: str) -> None:
    words = ("evaluate", "--store", store, "--images", people, "--aligned")
    answer = run(*words, "--precision", precision, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["precision"] == precision
    alice = answer.json["users"]["alice"]
    assert (alice["genuine"], alice["impostor"]) == (4, 4)
    assert alice["false_reject_rate"]["value"] == alice["rejected"] / 4
    assert answer.json["strangers"] == 1
    assert answer.json["tar_at_far"]["0.01"] is None
    lines = run(*words, "--precision", precision)
    assert "1 enrolled" in lines.out


def test_the_c_decides_for_users_as_simulate_says(run: Run, store: Path, people: Path) -> None:
    own = run("simulate", "--user", "alice", "--images", people / "alice", "--aligned", "--json")
    found = run("evaluate", "--store", store, "--images", people, "--aligned", "--json")
    accepted = [score["accepted"] for score in own.json["scores"]]
    assert found.json["users"]["alice"]["rejected"] == accepted.count(False)


def test_a_store_needs_a_folder_with_a_users_name(run: Run, store: Path, people: Path) -> None:
    (people / "alice").rename(people / "carol")
    answer = run("evaluate", "--store", store, "--images", people, "--aligned")
    assert answer.code == 1
    assert "no folder has a user's name" in answer.err


@pytest.mark.parametrize("words", [(), ("--bin", "x", "--images", "y")])
def test_one_source_is_needed(run: Run, words: tuple[str, ...]) -> None:
    Path("x").touch()
    Path("y").mkdir()
    assert run("evaluate", *words).code == 2
