"""Random whole models: float network, integer network and C do what ONNX Runtime does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("onnxruntime")

from codegen.errors import HvError
from tests.importing.node_checks import check_bits
from tests.importing.node_tests import Prepared
from tests.importing.random_checks import check_model, check_refusal, prepare
from tests.importing.random_graphs import NotHere
from tests.importing.random_models import random_model
from tests.importing.random_qdq import check_quantised

# As many as take some 40 seconds; seeds from 0 on, so that each run is the same.
MODELS, MERGED, QUANTISED = 900, 80, 300
MOST_REFUSED = 0.02  # a generator that makes nothing importable would test nothing


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tensors are so small that threads would mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _prepared(seed: int, folder: Path) -> Prepared | None:
    """The model of a seed, checked; None where it is refused, and the refusal checked."""
    model = random_model(seed)
    try:
        prepared = prepare(f"m{seed}", model, folder, seed=seed)
    except HvError as error:
        check_refusal(model, error)
        return None
    check_model(model, prepared, seed=seed)
    return prepared


def test_meaning_and_precision(tmp_path: Path) -> None:
    made = [_prepared(seed, tmp_path) for seed in range(MERGED, MODELS)]
    assert sum(each is None for each in made) <= MOST_REFUSED * len(made)


def test_bits(tmp_path: Path) -> None:
    """The first models, all in one network: one compilation."""
    made = [_prepared(seed, tmp_path) for seed in range(MERGED)]
    check_bits([each for each in made if each is not None], tmp_path / "emitted")


def test_models_that_come_quantised(tmp_path: Path) -> None:
    whole = compared = 0
    for seed in range(QUANTISED):
        try:
            whole += check_quantised(random_model(seed, quantisable=True), tmp_path, seed=seed)
        except NotHere:  # ONNX Runtime's quantiser broke down
            continue
        compared += 1
    assert compared >= 0.8 * QUANTISED
    assert whole >= 0.1 * QUANTISED
