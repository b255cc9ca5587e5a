"""The checkpoints that ship: what their cards must say, and what they must do."""

from __future__ import annotations

import csv
import itertools
import json
from typing import Any

import pytest
import torch

from codegen.cli.common import DEFAULT_CHECKPOINT
from codegen.quantise import quantise
from codegen.reference import run
from hypernet.architectures import load_architecture
from hypernet.backbone import FaceEncoder
from hypernet.checkpoint import MAX_BYTES, PRETRAINED, load_checkpoint, shipped
from hypernet.crops import crop_chip
from hypernet.enrol import enrol, examine
from hypernet.training.config import load_config

NAMES = ["pb", "pq", "pq-full"]

PEOPLE = (
    "Adrian_McPherson",
    "Antonio_Trillanes",
    "Carlos_Moya",
    "Doug_Duncan",
    "George_P_Bush",
    "James_Franco",
    "Kristen_Breitweiser",
    "Mary_Landrieu",
    "Oleksandr_Moroz",
    "Queen_Latifah",
    "Russell_Simmons",
)
"""People of fold 9, which no training may touch; photograph 1 enrols, photograph 2 is streamed."""


def test_all_ship_and_are_small() -> None:
    assert shipped() == NAMES
    for name in NAMES:
        assert (PRETRAINED / f"{name}.safetensors").stat().st_size <= MAX_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_must_be_known(name: str) -> None:
    checkpoint = load_checkpoint(name)
    card = checkpoint.card
    assert checkpoint.name == name
    assert "research" in card["terms"]
    assert "Not for security" in card["limits"]
    assert card["command"].startswith("hvcodegen train")
    assert 9 not in card["plan"]["train_folds"]
    measured = card["measured"]["int8, lfw250"]
    assert measured["folds"] == [9]
    assert measured["all_against_all"]["every_photograph_enrols"]["tar_at_far"]["0.01"] > 0.5
    assert "seed" in card["plan"]


@pytest.mark.parametrize("name", NAMES)
def test_the_architecture_is_the_shipped_one(name: str) -> None:
    assert load_checkpoint(name).architecture == load_architecture(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("precision", ["float", "int8"])
def test_measured_results_are_good_enough(name: str, precision: str) -> None:
    ways = load_checkpoint(name).card["measured"][f"{precision}, lfw250"]["directions"]
    assert ways["first_enrols"]["auc"] >= 0.98
    assert ways["mean"]["auc"] >= 0.98


def test_the_default_is_the_best_of_them_and_integers_cost_little() -> None:
    """Of the generated C, on people whom no training saw."""

    def measured(name: str, precision: str) -> dict[str, Any]:
        return load_checkpoint(name).card["measured"][f"{precision}, lfw250"]  # type: ignore[no-any-return]

    def true_accepts(found: dict[str, Any]) -> float:
        crowd = found["all_against_all"]["every_photograph_enrols"]
        return float(crowd["tar_at_far"]["0.01"])

    exact, real = (measured(DEFAULT_CHECKPOINT, precision) for precision in ("int8", "float"))
    assert true_accepts(exact) == max(true_accepts(measured(name, "int8")) for name in NAMES)
    assert exact["auc"] >= real["auc"] - 0.003
    assert true_accepts(exact) >= true_accepts(real) - 0.01


def test_the_shipped_config_is_what_made_the_default() -> None:
    made_by = json.loads(json.dumps(load_config(DEFAULT_CHECKPOINT).deciding()))
    assert load_checkpoint(DEFAULT_CHECKPOINT).card["plan"] == made_by


@pytest.mark.parametrize("name", NAMES)
def test_slopes_keep_the_contract(name: str) -> None:
    for tensor_name, tensor in load_checkpoint(name).build().shared_body().items():
        if tensor_name.endswith(".slope"):
            assert 0 <= tensor.min() <= tensor.max() <= 1


def test_everything_is_personal_where_it_is_said_to_be() -> None:
    generator = load_checkpoint("pq-full").build()
    directions = torch.nn.functional.normalize(torch.randn(2, 128), dim=1)
    with torch.no_grad():
        one, two = (generator(direction) for direction in directions)
    for name in one:
        if name.endswith((".weight", ".bias")) and name != "head.bias":
            assert not torch.equal(one[name], two[name]), name


@pytest.fixture(scope="module")
def encoder() -> FaceEncoder:
    from hypernet.dlib_encoder import DlibEncoder

    return DlibEncoder()


@pytest.mark.parametrize("name", NAMES)
def test_the_integer_network_knows_people_it_has_never_seen(
    name: str,
    encoder: FaceEncoder,
    lfw: object,
) -> None:
    """One photograph enrols, another is streamed; most pairs must be decided right."""
    checkpoint = load_checkpoint(name)
    photos = {person: [lfw.photo(person, number) for number in (1, 2)] for person in PEOPLE}
    nets = {person: quantise(enrol(encoder, own[:1], checkpoint)) for person, own in photos.items()}
    shape = checkpoint.architecture.image.shape
    chips = {person: examine(encoder, own[1], person).chip for person, own in photos.items()}
    crops = {person: crop_chip(chip, shape) for person, chip in chips.items()}
    right, wrong = [], []
    for enrolled, streamed in itertools.product(PEOPLE, PEOPLE):
        accepted = bool(run(nets[enrolled], crops[streamed][None])["decision"][0, 2])
        (right if accepted == (enrolled == streamed) else wrong).append((enrolled, streamed))
    false_accepts = [pair for pair in wrong if pair[0] != pair[1]]
    assert len(false_accepts) <= 0.05 * len(PEOPLE) ** 2, false_accepts
    assert len(wrong) - len(false_accepts) <= 0.3 * len(PEOPLE), wrong


@pytest.mark.parametrize("name", NAMES)
def test_the_training_cannot_have_seen_the_test_people(name: str, lfw: object) -> None:
    folds = {
        row["identity"]: row["view2_fold"]
        for row in csv.DictReader(lfw.text("index.csv").splitlines())
    }
    assert {folds[person] for person in PEOPLE} == {"9"}
    assert 9 not in load_checkpoint(name).card["plan"]["train_folds"]
