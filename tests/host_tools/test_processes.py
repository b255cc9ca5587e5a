"""Programs that end well, that are missing, and that do not want to end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from codegen.errors import HvError, ProgramMissing
from host_tools.processes import run_program


def test_code_and_both_outputs_in_order() -> None:
    done = run_program(("sh", "-c", "echo one; echo two >&2; echo three; exit 5"), timeout_s=60)
    assert (done.exit_code, done.output) == (5, "one\ntwo\nthree\n")


def test_a_missing_program_is_told_with_its_hint() -> None:
    with pytest.raises(ProgramMissing) as caught:
        run_program(("no-such-program", "-x"), timeout_s=60, hint="apt install it")
    assert caught.value.hint == "apt install it"


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_at_the_time_limit_it_ends_with_all_it_started(tmp_path: Path, stubborn: str) -> None:
    """The grandchild keeps the pipe open: reading it to its end would never return."""
    script = f"{stubborn}sleep 600 & echo $! > pid; wait; sleep 600"
    with pytest.raises(HvError, match=r"did not finish within 0\.5 seconds"):
        run_program(("sh", "-c", script), timeout_s=0.5, folder=tmp_path)
    grandchild = int((tmp_path / "pid").read_text())
    for _ in range(200):  # a killed process needs a moment to be gone
        if not _runs(grandchild):
            break
        time.sleep(0.05)
    assert not _runs(grandchild)


def _runs(process: int) -> bool:
    """Whether a process is there and no zombie that only waits to be counted."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
