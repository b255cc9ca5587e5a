"""`hvcodegen flash` and `hvcodegen boards`."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest

from codegen.nets import Architecture
from codegen.quantise import quantise
from codegen.store import User, save_user
from host_tools.boards import board_names, load_board
from host_tools.flash import mailbox
from tests import networks
from tests.architectures import CONV_HEAD
from tests.c_host import program
from tests.cli.conftest import Run

F405 = ("--board", "netduinoplus2")


@pytest.fixture
def gdb() -> None:
    program("gdb-multiarch", "apt install gdb-multiarch")


def test_boards_tell_what_was_run(run: Run) -> None:
    boards = {board["name"]: board for board in run("boards", "--json").json["boards"]}
    assert tuple(boards) == board_names()
    for name, board in boards.items():
        assert board["emulators"] == dict(load_board(name).emulators)
        assert (board["proof"] == "emulated") == bool(board["emulators"])
        assert board["runners"]
    assert "netduinoplus2" in run("boards").out


def test_a_dry_run_prints_the_calls_and_runs_none(run: Run, alice: User) -> None:
    done = run("flash", "--user", "alice", *F405, "--runner", "st-flash", "--dry-run")
    file = Path("build/alice-netduinoplus2/flash/firmware.hex").resolve()
    assert done.code == 0
    assert done.out == f"st-flash --reset --format ihex write {file}\n"
    assert not file.exists()
    assert (file.parent.parent / "mailbox.elf").is_file()


def test_weights_alone_are_one_erase_block(run: Run, alice: User) -> None:
    words = ("--runner", "openocd", "--weights-only", "--dry-run", "--json")
    data = run("flash", "--user", "alice", *F405, *words).json
    assert data["segments"] == [{"address": 0x08004000, "bytes": 0x4000}]
    assert "person.hex" in data["commands"][0]


@pytest.mark.usefixtures("gdb")
def test_the_emulated_board_holds_it_and_gives_the_right_verdicts(run: Run, alice: User) -> None:
    done = run("flash", "--user", "alice", *F405, "--emulate", "--verify", "--score", "--json")
    assert done.code == 0, done.err
    assert done.json["runner"] == "gdb"
    assert done.json["verdicts_compared"] == 4


@pytest.mark.usefixtures("gdb")
def test_a_verdict_that_differs_is_told(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = mailbox._result

    def flipped(*arguments: Any) -> bytes:  # noqa: ANN401
        answer = bytearray(true(*arguments))
        answer[0] ^= 1
        return bytes(answer)

    monkeypatch.setattr(mailbox, "_result", flipped)
    done = run("flash", "--user", "alice", *F405, "--emulate", "--score")
    assert done.code == 3
    assert "on the board and" in done.err


def test_a_missing_tool_is_named(run: Run, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("flash", "--user", "alice", *F405, "--runner", "openocd", "--dry-run")
    assert done.code == 0
    found = shutil.which

    def without_openocd(name: str, **options: Any) -> str | None:  # noqa: ANN401
        return None if name == "openocd" else found(name, **options)

    monkeypatch.setattr(shutil, "which", without_openocd)
    done = run("flash", "--user", "alice", *F405, "--runner", "openocd")
    assert done.code == 4
    assert "openocd is not installed" in done.err
    assert "apt install openocd" in done.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--emulate", "--port", "localhost:1"), 2, "leave out --port"),
        (("--score", "--runner", "pyocd"), 2, "--score works by gdb"),
        (("--score", "--app", "selftest"), 2, "--score asks the application mailbox"),
        (("--app", "blink"), 1, "no application called 'blink'"),
        (("--app", "trace", "--weights-only"), 1, "no blocks of flash for one person"),
        (("--runner", "dfu-util", "--verify"), 1, "cannot read back"),
        (("--runner", "picotool"), 1, "nothing is known of how picotool"),
        (("--runner", "hammer"), 1, "no flash tool is called"),
    ],
)
def test_what_cannot_be_done_is_told(
    run: Run, alice: User, words: tuple[str, ...], code: int, message: str
) -> None:
    done = run("flash", "--user", "alice", *F405, *words)
    assert done.code == code
    assert message in done.err


def test_a_network_that_does_not_fit_is_told_before_it_is_built(run: Run, store: Path) -> None:
    """8 KiB of RAM for 40 x 40 x 5 bytes twice: by how much not, and which layer."""
    large = copy.deepcopy(CONV_HEAD)
    large["image"] |= {"height": 80, "width": 80}
    net = networks.float_net(Architecture.from_json(large))
    facts = {"checkpoint": "made", "encoder": "none", "photographs": 1, "gate": {"drift": 0.0}}
    save_user(store, User(name="carol", float_net=net, quant_net=quantise(net), facts=facts))
    done = run("flash", "--user", "carol", "--board", "stm32vldiscovery", "--dry-run")
    assert done.code == 1
    assert "RAM needs at least" in done.err
    assert "the largest layer is" in done.err
    assert "board stm32vldiscovery" in done.err
    assert not Path("build").exists()
