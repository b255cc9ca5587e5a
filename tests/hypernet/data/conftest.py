"""A small collection of LFW's kind, for the tests of the readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hypernet.backbone import FaceEncoder
from tests.face_files import write_people

PEOPLE = {"Ada": 2, "Bob": 1, "Cyd": 3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six photographs of three people, one fold each, and two pairs."""
    root = write_people(tmp_path / "photos", PEOPLE)
    lines = ["file,identity,index,view2_fold"]
    for fold, (person, count) in enumerate(PEOPLE.items(), start=1):
        for number in range(1, count + 1):
            lines.append(f"{person}/{person}_{number:04d}.png,{person},{number},{fold}")
    (root / "index.csv").write_text("\n".join(lines))
    (root / "pairs.txt").write_text("1\t1\nAda\t1\t2\nAda\t2\tCyd\t3\n")
    return root


@pytest.fixture
def encoder(stub: Callable[..., FaceEncoder]) -> Callable[[], FaceEncoder]:
    return stub
