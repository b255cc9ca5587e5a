from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from codegen.cli.profiling import HEADINGS
from codegen.errors import ProgramMissing
from codegen.store import User
from codegen.targets import CORTEX_M
from host_tools.emulators import find_emulator
from host_tools.toolchain import Purpose, choose
from tests.cli.conftest import Answer, Run, Words
from tests.cli.onnx_files import picture_model, qdq_model, saved, two_model

COSTS = {"macs", "instructions", "cycles", "cycles_at_worst", "cycles_per_mac"}


@pytest.fixture(autouse=True)
def _needs() -> None:
    try:
        choose(Purpose.CORTEX_M, "gcc")
    except ProgramMissing as error:
        pytest.skip(str(error))
    if find_emulator("qemu").version(CORTEX_M) is None:
        pytest.skip("qemu is not installed")


def _rows(answer: Answer) -> dict[str, list[str]]:
    """The table's cells by layer."""
    lines = answer.out.split("\n\n")[0].splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    """What every profile's JSON must say."""
    parts = [*data["layers"], data["dispatch"]]
    for part in (*parts, data["total"]):
        assert set(part) >= COSTS
    for key in ("macs", "instructions"):
        assert data["total"][key] == sum(part[key] for part in parts)
    ram, flash = data["ram_bytes"], data["flash_bytes"]
    assert ram["total"] == ram["arena"] + ram["input"] + ram["static"] + ram["stack"]
    assert 0 < ram["stack_used"] <= ram["stack"]
    assert 0 <= ram["scratch"] <= ram["arena"]
    assert flash["total"] == flash["code"] + flash["weights"] + flash["tables"]
    assert flash["code"] > 0
    return data


def test_a_user(run: Run, alice: User) -> None:
    answer = run("profile", "--user", "alice")
    assert answer.code == 0, answer.err
    assert "one inference of a made-up image" in answer.err
    rows = _rows(answer)
    assert answer.out.splitlines()[0].split() == " ".join(HEADINGS).split()
    layers = [layer.name for layer in alice.quant_net.layers]
    assert list(rows)[1:] == [*layers, "dispatch", "total"]
    assert "within 5 % in straight code, 10 % in branchy code; Cortex-M4 TRM" in answer.out
    assert "flash with 5 wait states for each 16 bytes" in answer.out
    assert "mps2-an386 in qemu" in answer.out


def test_a_user_as_json(run: Run, alice: User) -> None:
    data = _checked(run("profile", "--user", "alice", "--json").json)
    assert data["user"] == "alice"
    assert data["input"] == "a made-up image"
    assert data["estimate"]["validated"] is True
    arch = alice.quant_net.arch
    assert data["total"]["macs"] == arch.macs()
    assert data["ram_bytes"]["input"] == 0  # the image lies in the arena
    assert data["ram_bytes"]["arena"] >= arch.image.size_bytes
    assert data["ram_bytes"]["output"] == 12
    total = data["total"]
    assert total["cycles"] == sum(x["cycles"] for x in (*data["layers"], data["dispatch"]))
    assert total["instructions"] < total["cycles"] < total["cycles_at_worst"]
    assert total["cycles_per_mac"] == pytest.approx(total["cycles"] / total["macs"])


def test_run_and_profile_count_alike(run: Run, alice: User) -> None:
    counted = run("run", "--user", "alice", "--json").json["instructions"]["layers"]
    profiled = run("profile", "--user", "alice", "--json").json["layers"]
    by_name = {layer["name"]: layer["instructions"] for layer in profiled}
    for layer in counted:
        # `run` takes the mean of several images, of which black and white clamp more often
        assert layer["instructions"] == pytest.approx(by_name[layer["layer"]], rel=0.05)


def test_a_model_needs_no_samples(run: Run) -> None:
    file = saved(picture_model(), "eye.onnx")
    answer = run("profile", "--onnx", file, "--json")
    assert answer.code == 0, answer.err
    assert "one inference of a made-up input" in answer.err
    data = _checked(answer.json)
    assert data["model"] == "eye"
    assert data["input"].startswith("a made-up input")
    assert data["ram_bytes"]["input"] == 0
    assert data["ram_bytes"]["arena"] >= 12 * 12 * 3


def test_a_model_with_samples(run: Run, picture: Words) -> None:
    answer = run("profile", *picture, "--json")
    data = _checked(answer.json)
    assert data["input"] == "a calibration sample"
    made_up = run("profile", *picture[:2], "--json").json
    for one, other in zip(data["layers"], made_up["layers"], strict=True):
        assert one["instructions"] == pytest.approx(other["instructions"], rel=0.02)


def test_a_model_with_its_own_scales(run: Run) -> None:
    _checked(run("profile", "--onnx", saved(qdq_model(), "own.onnx"), "--json").json)


def test_several_inputs_and_outputs(run: Run) -> None:
    data = _checked(run("profile", "--onnx", saved(two_model(), "two.onnx"), "--json").json)
    assert data["ram_bytes"]["input"] == 6 * 6 * 2 + 8 + 16
    assert data["ram_bytes"]["output"] == 16 + 6 * 6 * 4


@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m3", "cortex-m33"])
def test_other_cores(run: Run, target: str) -> None:
    file = saved(picture_model(), "eye.onnx")
    data = _checked(run("profile", "--onnx", file, "--target", target, "--json").json)
    assert data["target"] == target
    assert data["total"]["cycles"] > data["total"]["instructions"]
    assert data["estimate"]["validated"] is (target == "cortex-m3")


def test_a_core_without_timings(run: Run) -> None:
    file = saved(picture_model(), "eye.onnx")
    words = ("profile", "--onnx", file, "--target", "cortex-m7")
    data = _checked(run(*words, "--json").json)
    assert data["estimate"] is None
    assert data["total"]["cycles"] is None
    assert data["total"]["cycles_per_mac"] is None
    answer = run(*words)
    assert "cycles    none: no timings are published for the cortex-m7" in answer.out
    assert _rows(answer)["total"][2:] == ["-", "-", "-"]


def test_a_compiler_without_call_graph(run: Run) -> None:
    choose(Purpose.CORTEX_M, "zig")
    file = saved(picture_model(), "eye.onnx")
    words = ("profile", "--onnx", file, "--compiler", "zig")
    data = run(*words, "--json").json
    assert data["ram_bytes"]["stack"] is None
    assert data["ram_bytes"]["total"] is None
    assert data["total"]["cycles"] > 0
    assert "stack not known: this compiler reports no call graph" in run(*words).out


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_plot_is_the_same_each_time(run: Run, suffix: str) -> None:
    file = saved(picture_model(), "eye.onnx")
    pictures = [Path(f"{index}.{suffix}") for index in range(2)]
    for picture in pictures:
        answer = run("profile", "--onnx", file, "--plot", picture)
        assert answer.code == 0, answer.err
        assert answer.out.splitlines()[-1] == f"drew {picture}"
    first, second = (picture.read_bytes() for picture in pictures)
    assert first == second
    assert first.startswith({"svg": b"<?xml", "png": b"\x89PNG"}[suffix])
    assert b"<dc:date>" not in first


@pytest.mark.parametrize(("name", "said"), [("eye.pdf", ".pdf"), ("eye", "a file without suffix")])
def test_other_formats_are_refused(run: Run, name: str, said: str) -> None:
    answer = run("profile", "--onnx", saved(picture_model(), "eye.onnx"), "--plot", name)
    assert answer.code == 1
    assert f"no picture can be drawn as {said}" in answer.err
    assert "choose one of .svg, .png" in answer.err
    assert not Path(name).exists()


def test_a_plot_into_a_folder_that_is_not_there(run: Run) -> None:
    answer = run("profile", "--onnx", saved(picture_model(), "eye.onnx"), "--plot", "no/eye.svg")
    assert answer.code == 1
    assert "there is no such folder" in answer.err
    assert "building" not in answer.err  # told before the long work


def test_without_matplotlib(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *rest: None if name == "matplotlib" else find_spec(name, *rest),
    )
    file = saved(picture_model(), "eye.onnx")
    answer = run("profile", "--onnx", file, "--plot", "eye.svg")
    assert answer.code == 4
    assert "the package matplotlib is not installed" in answer.err
    assert "pip install 'hvcodegen[plot]'" in answer.err
    assert run("profile", "--onnx", file).code == 0


def test_without_compiler_and_emulator(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    answer = run("profile", "--onnx", saved(picture_model(), "eye.onnx"))
    assert answer.code == 4
    assert "no emulator for mps2-an386 is installed" in answer.err
    assert "apt install qemu-system-arm" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give --user NAME or --onnx FILE"),
        (("--user", "nobody"), "nobody"),
        (("--onnx", "none.onnx"), "none.onnx"),
        (("--onnx", "eye.onnx", "--target", "cortex-m9"), "unknown target"),
        (("--onnx", "eye.onnx", "--board", "mps2-an999"), "there is no board called"),
        (("--onnx", "eye.onnx", "--target", "host"), "no emulated board has a host"),
    ],
)
def test_what_cannot_be_profiled(run: Run, words: tuple[str, ...], said: str) -> None:
    saved(picture_model(), "eye.onnx")
    answer = run("profile", *words)
    assert answer.code in (1, 2)
    assert said in answer.err


def test_what_does_not_fit_the_board_is_told_before_it_is_built(run: Run) -> None:
    file = saved(picture_model(sizes=(64, 64)), "large.onnx")
    answer = run("profile", "--onnx", file, "--target", "cortex-m0")
    assert answer.code == 1
    assert "RAM needs at least" in answer.err
    assert "building" not in answer.err
