"""The reader of bundles under libFuzzer, for as many inputs as a test may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.fuzz import corpus_of
from tests.fuzz.planted import Fault, outcome_of

RUNS = 20_000


def test_no_input_breaks_the_reader(tmp_path: Path) -> None:
    done = outcome_of("bundle", tmp_path, f"-runs={RUNS}", "-seed=1")
    assert done.crash == ""
    assert done.executions >= RUNS
    assert done.coverage > 50


@pytest.mark.parametrize(
    "fault",
    [
        ("hv_bundle.c", "(total > available) ?", "(total > 4096u) ?"),
        ("hv_admit.c", ">= policy->least_version", ">= 0u"),
        ("hv_admit.c", "i < HV_BUNDLE_ABI_BYTES", "i < 1u"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, fault: Fault) -> None:
    done = outcome_of("bundle", tmp_path, "-runs=200000", "-seed=1", fault=fault)
    assert done.crash != ""


def test_the_corpus_has_bundles_that_are_taken_and_such_that_are_not() -> None:
    data = [path.read_bytes() for path in corpus_of("bundle").iterdir()]
    assert any(b"HVB2" in sample for sample in data)
    assert len(data) > 5
