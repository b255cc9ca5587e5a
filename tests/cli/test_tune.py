"""`tune` from end to end, and `--schedule` where it is used."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import ProgramMissing
from codegen.kernels.conv_tile import ConvTile
from codegen.ops.base import QuantLayer
from codegen.schedule_file import from_text
from codegen.store import User
from codegen.targets import CORTEX_M
from host_tools.emulators import find_emulator
from host_tools.toolchain import Purpose, choose
from tests.cli.conftest import Run
from tests.cli.onnx_files import picture_model, saved


@pytest.fixture(autouse=True)
def _needs() -> None:
    try:
        choose(Purpose.CORTEX_M, "gcc")
    except ProgramMissing as error:
        pytest.skip(str(error))
    if find_emulator("qemu").version(CORTEX_M) is None:
        pytest.skip("qemu is not installed")


@pytest.fixture
def eye(run: Run) -> Path:
    """A model whose convolution the kernels for DSP can compute."""
    return saved(picture_model(channels=4), "eye.onnx")


def test_a_schedule_and_its_use(run: Run, eye: Path) -> None:
    answer = run("tune", "--onnx", eye, "--json")
    assert answer.code == 0, answer.err
    data = answer.json
    file = Path("eye.cortex-m4.toml")
    assert data["schedule"] == str(file)
    written = file.read_bytes()
    kernels = {layer["name"]: layer["kernel"] for layer in data["layers"]}
    assert "conv_tile" in kernels.values()
    assert f"round {data['rounds']} of {data['rounds']}" in answer.err

    front = [(p["cycles"], p["ram_bytes"]) for p in data["front"]]
    assert front == sorted(front)
    for plan in data["plans"]:
        own = plan["cycles"], plan["ram_bytes"]
        for point in front:
            assert point == own or not (own[0] <= point[0] and own[1] <= point[1])
        if plan["plan"] != "small":  # which streams rows
            assert any(c <= own[0] and r <= own[1] for c, r in front)

    profiled = run("profile", "--onnx", eye, "--schedule", file, "--json").json
    assert profiled["plan"] == "schedule"
    assert profiled["total"]["cycles"] == data["total"]["cycles"] == front[0][0]
    assert profiled["ram_bytes"]["total"] == data["total"]["ram_bytes"]
    assert profiled["flash_bytes"]["total"] == data["total"]["flash_bytes"]
    costs = {layer["name"]: layer["cycles"] for layer in profiled["layers"]}
    assert costs == {layer["name"]: layer["cycles"] for layer in data["layers"]}

    again = run("tune", "--onnx", eye)  # over the earlier one
    assert again.code == 0, again.err
    assert file.read_bytes() == written
    assert "plan balanced" in again.out


def test_a_verifier(run: Run, alice: User) -> None:
    answer = run("tune", "--user", "alice", "--objective", "flash", "--json", "-o", "s.toml")
    assert answer.code == 0, answer.err
    data = answer.json
    assert data["user"] == "alice"
    assert data["total"]["flash_bytes"] <= min(p["flash_bytes"] for p in data["front"])
    assert from_text(Path("s.toml").read_text(), "s.toml").architecture == "conv-head"
    for verb in ("emit", "build", "run", "verify"):
        used = run(verb, "--user", "alice", "--schedule", "s.toml", "--json")
        assert used.code == 0, used.err


def test_a_core_without_timings(run: Run, eye: Path) -> None:
    data = run("tune", "--onnx", eye, "--target", "cortex-m7", "--json").json
    assert data["unit"] == "instructions"
    assert data["total"]["instructions"] == data["front"][0]["instructions"]


def test_limits(run: Run, eye: Path) -> None:
    wide = run("tune", "--onnx", eye, "--json").json
    least = run("tune", "--onnx", eye, "--objective", "flash", "--json").json["total"]
    room = least["flash_bytes"] + 200  # what calls the layers varies a little
    assert room < wide["total"]["flash_bytes"]
    tight = run("tune", "--onnx", eye, "--flash", room, "--json").json
    assert tight["total"]["flash_bytes"] <= room
    assert tight["total"]["cycles"] > wide["total"]["cycles"]
    # plans that do not fit take nothing away from the curve
    assert tight["total"]["cycles"] == tight["front"][0]["cycles"]
    answer = run("tune", "--onnx", eye, "--flash", 100)
    assert answer.code == 1
    assert "no schedule fits 100 bytes of flash" in answer.err


def test_a_kernel_that_differs_is_refused(
    run: Run, eye: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ConvTile.stored

    def wrong(self: ConvTile, layer: QuantLayer) -> dict[str, np.ndarray]:
        stored = right(self, layer)
        changed = stored["stream"].copy()
        changed[0] += 2**20  # a bias
        return {"stream": changed}

    monkeypatch.setattr(ConvTile, "stored", wrong)
    answer = run("tune", "--onnx", eye)
    assert answer.code == 3
    assert "the kernel conv_tile weight_bits=" in answer.err
    assert "gives other bits than the reference: image 0, layer " in answer.err
    assert not Path("eye.cortex-m4.toml").exists()


def test_the_curve_is_drawn_the_same_each_time(run: Run, eye: Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        pytest.skip("matplotlib is not installed")
    for name in ("a.svg", "b.svg"):
        answer = run("tune", "--onnx", eye, "--plot", name)
        assert answer.code == 0, answer.err
        assert f"drew {name}" in answer.out
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()


def test_plan_and_schedule_exclude_each_other(run: Run, eye: Path) -> None:
    Path("s.toml").write_text("")
    answer = run("emit", "--onnx", eye, "--plan", "small", "--schedule", "s.toml")
    assert answer.code == 2
    assert "give --plan or --schedule, not both" in answer.err


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot read the schedule: No such file or directory"),
        (b"\xff", "it is no text in UTF-8"),
        (b"speed", "no schedule: "),
    ],
)
def test_no_schedule(run: Run, eye: Path, content: bytes | None, fault: str) -> None:
    if content is not None:
        Path("s.toml").write_bytes(content)
    answer = run("profile", "--onnx", eye, "--schedule", "s.toml")
    assert answer.code == 1
    assert fault in answer.err
    assert "s.toml" in answer.err


def test_another_file_is_not_overwritten(run: Run, eye: Path) -> None:
    Path("mine.toml").write_text("precious")
    answer = run("tune", "--onnx", eye, "-o", "mine.toml")
    assert answer.code == 1
    assert "is no schedule, and is not overwritten" in answer.err
    assert Path("mine.toml").read_text() == "precious"
    assert run("tune", "--onnx", eye, "-o", "nowhere/s.toml").code == 1
