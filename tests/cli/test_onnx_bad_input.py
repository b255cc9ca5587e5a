"""What can be wrong with a model, its samples and the words: told, with exit code 1 or 2."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from codegen.store import User
from tests.cli.conftest import Answer, Run, Words
from tests.cli.onnx_files import picture_model, random, samples, saved, vector_model
from tests.importing.onnx_models import model, node, real

VERBS = ("emit", "simulate", "build", "run", "verify", "export")


def refused(answer: Answer, code: int, *words: str) -> None:
    """The verb ended with this code and told what is wrong; nothing was written."""
    assert answer.code == code, answer.out + answer.err
    assert "error: " in answer.err or "Error: " in answer.err
    for word in words:
        assert word in answer.err, answer.err
    assert not Path("build").exists()
    assert not [path for path in Path.cwd().iterdir() if path.name.startswith(".")]


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """A warning of a library is no way to talk to a user."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def altered(change: str) -> bytes:
    """vector_model as a file that something happened to."""
    proto = vector_model()
    content = proto.SerializeToString()
    if change == "truncated":
        return content[: len(content) // 2]
    if change in ("old", "new"):
        proto.opset_import[0].version = 3 if change == "old" else 99
    if change == "nan":
        weights = onnx.numpy_helper.to_array(proto.graph.initializer[0]).copy()
        weights[2, 3] = np.nan
        proto.graph.initializer[0].CopyFrom(
            onnx.numpy_helper.from_array(weights, proto.graph.initializer[0].name)
        )
    return {"text": b"# not a model", "empty": b""}.get(change, proto.SerializeToString())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_a_file_that_is_no_model(run: Run, vector: Words, verb: str) -> None:
    vector[1].write_bytes(altered("truncated"))
    refused(run(verb, *vector), 1, "not an ONNX file", "net.onnx", "hint:")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("text", ("not an ONNX file",)),
        ("empty", ("the file is empty",)),
        ("old", ("opset 3", "opset 13 or newer")),
        ("new", ("opset 99", "update the onnx package")),
        ("nan", ("not finite", "w0 (1 of 160)")),
    ],
)
def test_files(run: Run, vector: Words, change: str, words: tuple[str, ...]) -> None:
    vector[1].write_bytes(altered(change))
    refused(run("emit", *vector), 1, *words, "where: net.onnx", "hint:")


def test_no_file_and_a_folder(run: Run, vector: Words) -> None:
    refused(run("emit", "--onnx", "absent.onnx"), 1, "no such file", "absent.onnx", "hint:")
    Path("folder.onnx").mkdir()
    refused(run("emit", "--onnx", "folder.onnx"), 1, "a folder, not an ONNX file", "hint:")


def test_missing_external_data(run: Run, vector: Words) -> None:
    onnx.save(
        vector_model(),
        vector[1],
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    Path("weights.bin").unlink()
    refused(run("emit", *vector), 1, "weights.bin", "hint:", "beside the .onnx file")


def test_dynamic_axes_are_named(run: Run, picture: Words) -> None:
    saved(picture_model(sizes=("height", 12)), "eye.onnx")
    refused(run("emit", *picture), 1, "axis 2 ('height')", "--input-shape image=1,3,")
    words = ("--input-shape", "image=1,3,12,13")
    refused(run("emit", *picture, *words), 1, "axis 3 is 12 in the file, not 13", "hint:")
    refused(run("emit", *picture, "--input-shape", "other=1,3"), 1, "no input other", "image")
    refused(run("emit", *picture, "--input-shape", "image"), 1, "no input shape", "--input-shape")


def test_every_unsupported_node_is_listed_at_once(run: Run, vector: Words) -> None:
    nodes = [
        node("LpNormalization", "x", "a", name="norm"),
        node("Relu", "a", "b", name="fine"),
        node("Hardmax", "b", "c", name="hard"),
        node("CumSum", "c i", "y", name="sums"),
    ]
    saved(
        model(nodes, {"x": real(1, 10)}, {"y": real(1, 10)}, {"i": np.array(1, np.int64)}),
        "net.onnx",
    )
    answer = run("emit", *vector, "--json")
    refused(answer, 1, "3 nodes cannot be imported")
    breaches = answer.json["error"]["breaches"]
    for breach, (name, operator) in zip(
        breaches,
        (("norm", "LpNormalization"), ("hard", "Hardmax"), ("sums", "CumSum")),
        strict=True,
    ):
        assert name in breach["where"] + breach["what"]
        assert operator in breach["what"]
        assert "not supported" in breach["what"]
        assert breach["hint"]
    assert "fine" not in answer.err


@pytest.mark.parametrize("verb", VERBS)
def test_without_calibration_it_says_what_it_needs(run: Run, two: Words, verb: str) -> None:
    answer = run(verb, *two[:2])
    refused(answer, 1, "--calibration", "picture float32 [N, 2, 6, 6]", "vector float32 [N, 5]")


X = random(6, 10)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": random(6, 11)}, ("its shape is [6, 11], expected [N, 10]", "input x", "hint:")),
        ({"a": X, "b": X}, ("no array called x", "it has: a, b", "x float32 [N, 10]")),
        ({"x": X[:0]}, ("no samples in it", "x float32 [N, 10]")),
        ({"x": np.where(X > 1, np.nan, X)}, ("NaN", "input x", "hint:")),
        ({"x": np.full((3, 10), 1e39)}, ("30 of 30 values", "beyond float32")),
        ({"x": np.array([["a"] * 10])}, ("not numbers", "input x", "hint:")),
        ({"x": np.ones((3, 10), complex)}, ("complex128, not numbers",)),
        ({"x": np.array([{1: 2}, None])}, ("Python objects are not loaded", "x float32")),
        ({"x": np.float32(3)}, ("its shape is [], expected [N, 10]",)),
        ({}, ("no array called x", "it has: none")),
    ],
    ids=["shape", "names", "zero", "nan", "huge", "text", "complex", "objects", "scalar", "none"],
)
def test_samples(
    run: Run, vector: Words, arrays: dict[str, np.ndarray], words: tuple[str, ...]
) -> None:
    samples("bad.npz", **arrays)
    refused(run("emit", *vector[:3], "bad.npz"), 1, "bad.npz", *words)
    refused(run("simulate", *vector, "--samples", "bad.npz"), 1, "bad.npz", *words)


def test_every_input_with_wrong_samples_is_named_at_once(run: Run, two: Words) -> None:
    samples("bad.npz", picture=random(3, 2, 6, 7), vector=np.full((3, 5), np.inf))
    refused(run("emit", *two[:3], "bad.npz"), 1, "input picture", "input vector")
    samples("uneven.npz", picture=random(3, 2, 6, 6), vector=random(4, 5))
    refused(run("emit", *two[:3], "uneven.npz"), 1, "not as many", "picture 3, vector 4")
    samples("half.npz", picture=random(3, 2, 6, 6))
    refused(run("emit", *two[:3], "half.npz"), 1, "no array called vector", "it has: picture")


class Trap:
    """A pickle that leaves a trace when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


def test_files_of_samples(run: Run, vector: Words) -> None:
    whole = vector[3].read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    content = {
        "cut.npz": whole[:-40],
        "flipped.npz": bytes(flipped),
        "junk.npz": b"junk",
        "empty.npy": b"",
        "trap.npz": pickle.dumps(Trap()),
        "model.npy": vector[1].read_bytes(),
    }
    for name, data in content.items():
        Path(name).write_bytes(data)
        refused(run("emit", *vector[:3], name), 1, "not a file of arrays", name, "x float32")
    assert not Path("sprung").exists()
    refused(run("emit", *vector[:3], "absent.npz"), 1, "no such file or folder", "x float32")
    Path("folder").mkdir()
    Path("folder/notes.txt").write_text("nothing")
    refused(run("emit", *vector[:3], "folder"), 1, "no samples in the folder", "x float32")


def test_pictures_that_cannot_be_samples(run: Run, vector: Words) -> None:
    Image.new("RGB", (8, 8)).save("p.png")
    refused(run("emit", *vector[:3], "p.png"), 1, "a picture", "p.png", "x float32 [N, 10]")
    refused(run("simulate", *vector, "--image", "p.png"), 1, "a picture", "p.png")
    Path("q.png").write_bytes(b"no picture")
    saved(picture_model(), "eye.onnx")
    refused(run("emit", "--onnx", "eye.onnx", "--calibration", "q.png"), 1, "q.png", "hint:")


@pytest.mark.parametrize(
    ("flash", "ram", "words"),
    [
        (100, 10**6, ("flash needs at least", "more than there are", "largest layer is")),
        (10**6, 10, ("RAM needs at least", "more than there are", "largest layer is")),
        (100, 10, ("flash needs", "RAM needs")),
    ],
)
def test_a_chip_that_is_too_small(
    run: Run, picture: Words, flash: int, ram: int, words: tuple[str, ...]
) -> None:
    answer = run("emit", *picture, "--flash", flash, "--ram", ram)
    refused(answer, 1, "does not fit", *words, "hint:", "--flash")


def test_by_how_much_to_the_byte(run: Run, picture: Words) -> None:
    """What the message says is missing is just enough."""
    answer = run("emit", *picture, "--ram", 10, "--json")
    refused(answer, 1, "RAM needs")
    needed = int(answer.json["error"]["what"].split("at least ")[1].split()[0].replace(",", ""))
    refused(run("emit", *picture, "--ram", needed - 1), 1, "1 more than there are")
    assert run("emit", *picture, "--ram", needed).code == 0


def test_a_board_that_is_too_small(run: Run) -> None:
    """A network with 300 kB of weights and the 256 kB of flash of a micro:bit."""
    saved(
        model(
            [
                node("Gemm", "x v", "h", name="small"),
                node("Gemm", "h w", "y", name="big"),
            ],
            {"x": real(1, 4)},
            {"y": real(1, 1000)},
            {"v": random(4, 300, seed=1), "w": random(300, 1000, seed=2)},
        ),
        "big.onnx",
    )
    words = ("--onnx", "big.onnx", "--calibration", samples("s.npz", x=random(8, 4)))
    for verb in ("emit", "build"):
        answer = run(verb, *words, "--target", "cortex-m0")
        refused(answer, 1, "flash needs", "microbit", "largest layer is y with 3", "hint:")
    assert "--flash" not in answer.err  # build has no such option


def test_words_that_do_not_go_together(run: Run, vector: Words, alice: User) -> None:
    for verb in VERBS:
        refused(run(verb, *vector, "--user", "alice"), 2, "--user or --onnx, not both")
        refused(run(verb), 2, "--user NAME or --onnx FILE" if verb != "simulate" else "--")
        refused(run(verb, "--user", "alice", *vector[2:]), 2, "--calibration belongs to --onnx")
    for verb in ("simulate", "run", "verify"):
        words = ("--user", "alice", "--samples", vector[3])
        refused(run(verb, *words), 2, "--samples belongs to --onnx")
        refused(run(verb, *vector, "--aligned"), 2, "--aligned belongs to --user")
    for option in (
        ("--observer", "mse"),
        ("--no-equalise",),
        ("--name", "x"),
        ("--pixels", "byte"),
    ):
        refused(run("emit", "--user", "alice", *option), 2, "belongs to --onnx")


def test_values_out_of_range(run: Run, vector: Words) -> None:
    refused(run("emit", *vector, "--flash", 0), 2, "--flash")
    refused(run("emit", *vector, "--ram", "-5"), 2, "--ram")
    refused(run("emit", *vector, "--observer", "entropy"), 2, "--observer")
    refused(run("emit", *vector, "--pixels", "bits"), 2, "--pixels")
    refused(run("emit", *vector, "--target", "cortex-m5"), 1, "did you mean")
    refused(run("export", *vector, "--format", "tflite"), 2, "--format")
    refused(run("run", *vector, "--board", "nowhere"), 1, "nowhere")


@pytest.mark.parametrize("name", ["model", "types", "../x", "", "9lives", "a b", "x" * 40, "ä"])
def test_names_that_c_cannot_have(run: Run, vector: Words, name: str) -> None:
    refused(run("emit", *vector, "--name", name), 1, "where: --name", "hint:")


def test_output_that_is_not_ours(run: Run, vector: Words) -> None:
    Path("mine").mkdir()
    Path("mine/precious.c").write_text("int x;")
    refused(run("emit", *vector, "-o", "mine"), 1, "not empty", "precious.c")
    refused(run("build", *vector, "-o", "mine"), 1, "something else")
    refused(run("export", *vector, "-o", "mine"), 1, "a folder")
    assert [path.name for path in Path("mine").iterdir()] == ["precious.c"]


@pytest.mark.parametrize("observer", ["minmax", "percentile", "mse"])
def test_what_is_dead_on_the_samples_is_told_and_works(
    run: Run, vector: Words, observer: str
) -> None:
    """A ReLU that never opens, and an input that is always 0."""
    proto = vector_model()
    for tensor in proto.graph.initializer:
        if tensor.name == "b0":
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.full(16, -99, np.float32), "b0"))
    saved(proto, "net.onnx")
    answer = run("simulate", *vector, "--observer", observer, "--json")
    assert answer.code == 0, answer.err
    assert "one number on all samples" in answer.err
    assert answer.json["bit_exact"] is True
    assert "cut" in answer.json["calibration"]["still"]
    saved(vector_model(), "net.onnx")
    samples("cal.npz", x=np.zeros((4, 10), np.float32))
    answer = run("simulate", *vector, "--observer", observer, "--json")
    assert answer.code == 0, answer.err
    assert "x" in answer.json["calibration"]["still"]


@pytest.mark.parametrize("verb", ["emit", "verify"])
def test_interrupt_during_calibration_leaves_nothing_behind(
    run: Run, picture: Words, verb: str
) -> None:
    """A real SIGINT, as soon as the verb says that it calibrates."""
    samples("shown.npz", image=random(120, 3, 12, 12))
    before = {path.name for path in Path.cwd().iterdir()}
    scratch = Path.cwd().parent / "scratch"
    scratch.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", "from codegen.cli import main; main()", verb, *map(str, picture)],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    said = ""
    while "calibrating" not in said:
        said = child.stderr.readline()
        assert said, "it ended before it calibrated"
    time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, rest = child.communicate(timeout=120)
    assert child.returncode == 130, rest
    assert "Traceback" not in rest
    assert {path.name for path in Path.cwd().iterdir()} == before
    assert list(scratch.iterdir()) == []


def test_operators_that_no_standard_knows_are_listed_with_the_others(run: Run) -> None:
    nodes = [
        node("Relu", "x", "a", name="first"),
        node("Sparkle", "a", "b", name="made_up"),
        node("Gelu", "x", "c", name="too_new"),
        node("Warp", "c", "d", name="foreign", domain="com.acme"),
        node("NonZero", "x", "e", name="depends"),
        node("Add", "b d", "y", name="after"),
    ]
    ends = {"y": (onnx.TensorProto.FLOAT, None), "e": (onnx.TensorProto.INT64, None)}
    made = model(nodes, {"x": real(1, 4)}, ends, opsets={"com.acme": 1})
    answer = run("emit", "--onnx", saved(made, "odd.onnx"))
    refused(
        answer,
        1,
        "4 nodes cannot be imported",
        "node made_up, operator Sparkle: ONNX has no such operator in opset 17",
        "node too_new, operator Gelu: ONNX has no such operator in opset 17",
        "node foreign, operator com.acme::Warp: this operator is not supported",
        "node depends, operator NonZero: this operator is not supported",
        "supported operators: Abs, ",
    )


def test_a_pool_behind_an_operator_of_unknown_shape(run: Run) -> None:
    nodes = [
        node("Warp", "x", "a", name="foreign", domain="com.acme"),
        node("MaxPool", "a", "y", name="behind", kernel_shape=[2]),
    ]
    made = model(nodes, {"x": real(1, 4, 8)}, {"y": real(1, 4, 7)}, opsets={"com.acme": 1})
    answer = run("emit", "--onnx", saved(made, "behind.onnx"))
    refused(answer, 1, "node foreign, operator com.acme::Warp: this operator is not supported")
