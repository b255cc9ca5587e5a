"""The verbs on ONNX models: the whole job, on small models made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from codegen.cli.subject import Subject
from tests.cli.conftest import Answer, Run, Words
from tests.cli.onnx_files import picture_model, qdq_model, random, samples, saved, vector_model
from tests.importing.zoo.figures import default_order


def subject_of(words: Words) -> Subject:
    """What the verbs work on, loaded beside them."""
    return default_order(Path(words[1]), Path(words[3])).load()


def good(answer: Answer) -> Answer:
    assert answer.code == 0, answer.out + answer.err
    return answer


def runtime_outputs(
    model: bytes, inputs: dict[str, np.ndarray], names: list[str]
) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(names, inputs)
    return found


def test_emit_writes_the_same_bytes_twice(run: Run, picture: Words) -> None:
    first = good(run("emit", *picture, "--json")).json
    folder = Path("build/eye")
    content = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert first["files"] == {name: len(data) for name, data in content.items()}
    assert {"hv_eye.h", "hv_eye.c", "manifest.json", "report.md"} <= set(content)
    assert run("emit", *picture, "-o", "again").code == 0
    assert {p.name: p.read_bytes() for p in Path("again").iterdir()} == content


def test_emit_tells_how_it_was_quantised(run: Run, two: Words) -> None:
    report = good(run("emit", *two, "--json")).json
    assert report["model"] == "two"
    assert [given["name"] for given in report["inputs"]] == ["picture", "vector"]
    by_name = {output["name"]: output["snr_db"] for output in report["outputs"]}
    assert list(by_name) == ["logits", "features"]
    assert report["snr_db"] == min(by_name.values()) > 20
    calibration = report["calibration"]
    assert calibration["snr_db"] == by_name
    scores = {each["name"]: each["snr_db"] for each in calibration["candidates"]}
    assert scores[calibration["chosen"]] == report["snr_db"] == max(scores.values())
    text = good(run("emit", *two)).out
    assert f"{report['snr_db']:.1f} dB on the 24 calibration samples" in text
    assert calibration["chosen"] in text
    assert max(map(len, text.splitlines())) < 120
    assert calibration["chosen"] in Path("build/two/report.md").read_text()


@pytest.mark.parametrize("words", [["--observer", "mse", "--no-equalise", "--no-bias-correction"]])
def test_only_what_is_allowed_is_tried(run: Run, vector: Words, words: list[str]) -> None:
    report = good(run("emit", *vector, *words, "--json")).json
    assert [each["name"] for each in report["calibration"]["candidates"]] == ["mse"]
    assert report["calibration"]["chosen"] == "mse"


def test_inspect_shows_inputs_and_outputs(run: Run, two: Words) -> None:
    good(run("emit", *two))
    report = good(run("inspect", "build/two", "--json")).json
    assert [port["name"] for port in report["inputs"]] == ["picture", "vector"]
    assert [port["name"] for port in report["outputs"]] == ["logits", "features"]
    assert "user" not in report
    text = good(run("inspect", "build/two")).out
    assert "inputs:" in text
    assert "int8 [6, 6, 4]" in text


def test_simulate_compares_every_tensor(run: Run, two: Words) -> None:
    report = good(run("simulate", *two, "--json")).json
    assert report["bit_exact"] is True
    assert report["samples"] == 20
    layers = len(subject_of(two).quant_net.layers)
    assert report["tensors_compared"] == 20 * layers
    assert report["snr_db"] == min(output["snr_db"] for output in report["outputs"]) > 20
    without = good(run("simulate", *two, "--no-compare", "--json")).json
    assert without["outputs"] == report["outputs"]
    assert "bit_exact" not in without


def test_the_signal_is_the_one_against_onnx_runtime(run: Run, two: Words) -> None:
    """The real-valued model as ONNX Runtime sees it, and what the firmware's integers mean."""
    given = dict(np.load(two[3]))
    fresh = {name: values[:5] for name, values in given.items()}
    report = good(run("simulate", *two, "--samples", samples("five.npz", **fresh), "--json")).json
    wanted = [
        runtime_outputs(
            two[1].read_bytes(), {n: v[i : i + 1] for n, v in fresh.items()}, ["features"]
        )[0]
        for i in range(5)
    ]
    real = np.concatenate(wanted)
    fact = next(output for output in report["outputs"] if output["name"] == "features")
    noise = float((real.astype(np.float64) ** 2).sum()) / 10 ** (fact["snr_db"] / 10)
    assert 0 < noise < real.size * fact["scale"] ** 2  # within a step, root mean square
    assert fact["largest_error"] < np.abs(real).max() / 10


def test_simulate_finds_a_planted_difference(
    run: Run, vector: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codegen.cli import pipeline

    honest: Callable[..., dict[str, np.ndarray]] = pipeline.torch_reference

    def off_by_one(*arguments: object) -> dict[str, np.ndarray]:
        tensors = honest(*arguments)
        tensors["y"][3, 1] ^= 1
        return tensors

    monkeypatch.setattr(pipeline, "torch_reference", off_by_one)
    answer = run("simulate", *vector, "--json")
    assert answer.code == 3
    report = json.JSONDecoder().raw_decode(answer.out)[0]
    assert report["bit_exact"] is False
    difference = report["first_difference"]
    assert (difference["image"], difference["layer"], difference["index"]) == (3, "y", [1])


def test_run_in_emulation_gives_what_the_simulator_gives(run: Run, two: Words) -> None:
    ran = good(run("run", *two, "--json")).json
    simulated = good(run("simulate", *two, "--no-compare", "--json")).json
    assert ran["outputs"] == simulated["outputs"]
    layers = ran["instructions"]["layers"]
    assert ran["instructions"]["total"] == sum(layer["instructions"] for layer in layers) > 1000
    assert "quantised: " in good(run("run", *two)).out


def test_verify_with_the_witness(run: Run, two: Words) -> None:
    report = good(run("verify", *two, "--witness", "onnxruntime", "--json")).json
    assert report["bit_exact"] is True
    assert report["first_difference"] is None
    places = [check["where"] for check in report["checks"]]
    assert any("this machine" in place for place in places)
    assert any("mps2-an386" in place for place in places)
    assert any("onnxruntime" in place for place in places)
    assert report["model"] == "two"
    assert report["snr_db"] == min(output["snr_db"] for output in report["outputs"]) > 20
    assert report["calibration"]["chosen"]


@pytest.mark.parametrize(
    "target", ["cortex-m0", "cortex-m0+", "cortex-m3", "cortex-m7", "cortex-m33", "rv32imc"]
)
def test_other_targets(run: Run, vector: Words, target: str) -> None:
    answer = run("verify", *vector, "--target", target, "--compiler", "zig", "--json")
    assert good(answer).json["bit_exact"] is True


def test_build_and_dry_run(run: Run, vector: Words) -> None:
    dry = good(run("build", *vector, "--dry-run", "--json")).json
    assert len(dry["commands"]) > 2
    assert not Path("build").exists()
    built = good(run("build", *vector, "--json")).json
    assert built["model"] == "net"
    assert good(run("inspect", built["elf"], "--json")).json["arena"] > 0


def test_export_in_three_formats(run: Run, two: Words) -> None:
    for form, name in (("onnx", "two"), ("onnx-qdq", "two-qdq"), ("onnx-integer", "two-integer")):
        report = good(run("export", *two, "--format", form, "--json")).json
        path = Path(report["file"])
        assert path == Path(f"build/{name}.onnx")
        assert report["bytes"] == path.stat().st_size
        onnx.checker.check_model(onnx.load(path), full_check=True)
        content = path.read_bytes()
        good(run("export", *two, "--format", form))
        assert path.read_bytes() == content


def test_the_exported_real_numbers_are_the_models(run: Run, two: Words) -> None:
    """Not those that bias correction and equalisation made of them."""
    from codegen.calibration import choose

    with pytest.MonkeyPatch.context() as patch:  # whatever it is worth, it is kept
        patch.setattr(choose, "_best", lambda tried: tried[-1])
        report = good(run("export", *two, "--format", "onnx", "--json")).json
    assert "equalised + bias corrected" in report["calibration"]["chosen"]
    path = report["file"]
    given = {name: values[:1] for name, values in np.load(two[3]).items()}
    for name in ("logits", "features"):
        wanted, got = (
            runtime_outputs(file.read_bytes(), given, [name])[0] for file in (two[1], Path(path))
        )
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_the_exported_integers_are_the_simulators(run: Run, two: Words) -> None:
    from codegen.cli import pipeline
    from codegen.cli.onnx_model import house_integers
    from codegen.packing import pack_inputs
    from codegen.targets import find_target
    from host_tools.simulator import Simulator

    path = good(run("export", *two, "--json")).json["file"]
    subject = subject_of(two)
    assert subject.model is not None
    net = subject.quant_net
    integers = house_integers(net, subject.model.imported, dict(np.load(two[3])))
    with pipeline.emitted(subject, find_target("cortex-m4")) as folder:
        results = Simulator(folder).run_bytes(pack_inputs(net.arch, integers))
    got = pipeline.split_results(net, results)
    names = list(net.arch.outputs)
    for name, values in zip(
        names, runtime_outputs(Path(path).read_bytes(), integers, names), strict=True
    ):
        np.testing.assert_array_equal(values, got[name])
        assert len(np.unique(values)) > 5


def test_a_qdq_model_keeps_its_scales_and_needs_no_samples(run: Run) -> None:
    file = saved(qdq_model(), "own.onnx")
    report = good(run("emit", "--onnx", file, "--json")).json
    assert report["calibration"] is None
    assert report["snr_db"] is None
    given, left = report["inputs"][0], report["outputs"][0]
    assert (given["scale"], given["zero_point"]) == (np.float32(0.03), 5)
    assert (left["scale"], left["zero_point"]) == (np.float32(0.07), -11)
    assert "the model's own scales" in good(run("emit", "--onnx", file)).out
    shown = samples("s.npz", x=random(9, 8))
    report = good(run("simulate", "--onnx", file, "--samples", shown, "--json")).json
    assert report["bit_exact"] is True
    assert report["snr_db"] > 20
    made_up = good(run("simulate", "--onnx", file, "--json")).json
    assert made_up["bit_exact"] is True
    assert made_up["snr_db"] is None
    assert "made-up" in good(run("simulate", "--onnx", file)).out


def _emitted(run: Run, *words: object) -> dict[str, bytes]:
    good(run("emit", *words, "-o", "out"))
    return {p.name: p.read_bytes() for p in Path("out").iterdir()}


def test_samples_come_in_many_forms(run: Run, picture: Words) -> None:
    """The same numbers from an .npz, an .npy, a folder, and one sample to a file."""
    shown = np.load(picture[3])["image"]
    expected = _emitted(run, *picture)
    np.save("shown.npy", shown)
    Path("parts").mkdir()
    for index, part in enumerate(np.array_split(shown, 3)):
        np.savez(f"parts/{index}.npz", image=part)
    Path("single").mkdir()
    for index, one in enumerate(shown):
        np.save(f"single/{index:02}.npy", one)
    samples("otherwise.npz", any_name=shown.astype(np.float64))
    for form in ("shown.npy", "parts", "single", "otherwise.npz"):
        assert _emitted(run, *picture[:3], form) == expected


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("pixels", ["unit", "signed", "byte", "imagenet"])
def test_pictures_are_samples(run: Run, channels: int, last: bool, pixels: str) -> None:
    """Against an .npz with the numbers that `--pixels` promises, worked out here."""
    file = saved(picture_model(channels, last=last), "eye.onnx")
    levels = np.random.default_rng(5).integers(0, 256, (6, 12, 12, channels), dtype=np.uint8)
    Path("pictures").mkdir()
    for index, picture in enumerate(levels):
        Image.fromarray(picture if channels == 3 else picture[:, :, 0]).save(
            f"pictures/{index}.png"
        )
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    if channels == 1:
        mean, deviation = mean.mean(), deviation.mean()
    values = {
        "unit": levels / 255,
        "signed": levels / 127.5 - 1,
        "byte": levels.astype(float),
        "imagenet": (levels / 255 - mean) / deviation,
    }[pixels]
    ordered = values if last else values.transpose(0, 3, 1, 2)
    numbers = samples("numbers.npz", image=ordered.astype(np.float32))
    words = ("simulate", "--onnx", file, "--calibration")
    from_pictures = good(run(*words, "pictures", "--pixels", pixels, "--json")).json
    from_numbers = good(run(*words, numbers, "--json")).json
    assert from_pictures["outputs"] == from_numbers["outputs"]
    assert from_pictures["bit_exact"] is True


def test_pictures_by_image_and_images(run: Run, picture: Words) -> None:
    Path("pictures").mkdir()
    for index in range(3):
        grey = Image.new("RGB", (20, 14), (40 * index, 90, 200))
        grey.save(f"pictures/{index}.png")
    folder = good(run("simulate", *picture, "--images", "pictures", "--json")).json
    assert folder["samples"] == 3
    one = good(run("simulate", *picture, "--image", "pictures/0.png", "--json")).json
    assert one["samples"] == 1
    assert "1 sample," in good(run("simulate", *picture, "--image", "pictures/0.png")).out


def test_names(run: Run, vector: Words) -> None:
    assert good(run("emit", *vector, "--name", "My_Net", "--json")).json["model"] == "my-net"
    assert Path("build/my-net/hv_my_net.h").is_file()
    vector[1].rename("model.onnx")  # hv_model.h is the runtime's
    report = good(run("emit", "--onnx", "model.onnx", *vector[2:], "--json")).json
    assert report["model"] == "model-net"


def test_an_input_called_image_is_no_camera(run: Run, picture: Words) -> None:
    good(run("emit", *picture))
    header = Path("build/eye/hv_eye.h").read_text()
    assert "inputs.input_image" in header
    assert "axes 2, 3, 1 of the model's [1, 3, 12, 12]" in header


def test_dynamic_axes_are_fixed_by_input_shape(run: Run, picture: Words) -> None:
    expected = _emitted(run, *picture)
    saved(picture_model(sizes=("h", "w")), "eye.onnx")
    words = ("--input-shape", "image=1,3,12,12")
    assert _emitted(run, *picture, *words) == expected


@pytest.mark.parametrize(
    ("dtype", "kind", "said"),
    [
        (np.float16, onnx.TensorProto.FLOAT16, "float16 taken as float32"),
        (np.float64, onnx.TensorProto.DOUBLE, "float64 taken as float32"),
    ],
)
def test_other_real_types_are_converted_and_told(
    run: Run, vector: Words, dtype: type, kind: int, said: str
) -> None:
    saved(vector_model(dtype, kind), "net.onnx")
    answer = good(run("simulate", *vector, "--json"))
    assert said in answer.err
    assert answer.json["bit_exact"] is True


def test_many_samples_are_thinned_out_and_told(run: Run, vector: Words) -> None:
    samples("cal.npz", x=random(300, 10))
    answer = good(run("emit", *vector, "--json"))
    assert "128 of the 300 samples" in answer.err
    assert answer.json["calibration"]["samples"] == 128
