"""Every node test of the onnx package whose operators are supported: what became of each.

The list is node_tests.txt, reviewed as code; `pytest tests/importing/test_node_tests.py
--update-golden` writes it anew. A test that no longer passes is a difference, and so is one more.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from codegen.errors import HvError
from tests.importing.node_checks import check_bits, check_meaning, check_precision
from tests.importing.node_tests import NODE_TESTS, Case, Prepared, node_tests, prepare, reason

GROUPS = 4  # one C library for each
PASSES = "passes"
HINT = "to write it: pytest tests/importing/test_node_tests.py --update-golden, then review it"


@pytest.mark.parametrize("group", range(GROUPS))
def test_group(group: int, tmp_path: Path, update_golden: bool) -> None:
    """Reasons as listed; whatever is not refused has the meaning, the precision, the same bits."""
    prepared, outcomes = _outcomes(node_tests()[0][group::GROUPS], tmp_path)
    for each in prepared:
        check_meaning(each)
        check_precision(each)
    check_bits(prepared, tmp_path / "emitted")
    if not update_golden:
        _compare(_listed(), outcomes)


def test_the_list(tmp_path: Path, update_golden: bool) -> None:
    """Nothing is missing from it, nothing else is in it, and its first line counts right."""
    cases, others = node_tests()
    if update_golden:
        _, outcomes = _outcomes(cases, tmp_path)
        NODE_TESTS.write_text(_text(outcomes, others), encoding="utf-8")
    listed = _listed()
    assert [case.name for case in cases] == list(listed), HINT
    assert _text(listed, others) == NODE_TESTS.read_text(encoding="utf-8"), HINT


def test_a_difference_fails() -> None:
    _compare({"test_a": PASSES, "test_b": PASSES}, {"test_a": PASSES})
    for listed in ({}, {"test_a": "refused: Relu: no"}):
        with pytest.raises(AssertionError, match="--update-golden"):
            _compare(listed, {"test_a": PASSES})


def _compare(listed: dict[str, str], found: dict[str, str]) -> None:
    differing = {k: (listed.get(k), v) for k, v in found.items() if listed.get(k) != v}
    assert not differing, f"listed and found: {differing}; {HINT}"


def _outcomes(cases: tuple[Case, ...], folder: Path) -> tuple[list[Prepared], dict[str, str]]:
    """What was prepared; "passes" or the reason of the refusal by name."""
    prepared: list[Prepared] = []
    outcomes: dict[str, str] = {}
    for case in cases:
        try:
            prepared.append(prepare(case, folder))
            outcomes[case.name] = PASSES
        except HvError as error:
            outcomes[case.name] = f"refused: {reason(error)}"
    return prepared, outcomes


def _listed() -> dict[str, str]:
    lines = NODE_TESTS.read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line.startswith("test_"))


def _text(outcomes: dict[str, str], others: dict[str, int]) -> str:
    passing = sum(outcome == PASSES for outcome in outcomes.values())
    return "\n".join(
        (
            f"{passing} of the {len(outcomes)} node tests of supported operators in onnx"
            f" {onnx.__version__} pass",
            "",
            *(f"{name}: {outcome}" for name, outcome in outcomes.items()),
            "",
            "Operators that are not supported, and in how many tests they are",
            "",
            *(f"{operator}: {count}" for operator, count in sorted(others.items())),
            "",
        )
    )
