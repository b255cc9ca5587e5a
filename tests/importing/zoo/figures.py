"""What is measured on one model: exactness, nearness, size and speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.calibration.signal_to_noise import snr_db
from codegen.cli import pipeline, verifying
from codegen.cli.batches import Batch
from codegen.cli.onnx_model import Model, house_integers, run_real
from codegen.cli.subject import Subject, SubjectOrder
from codegen.export.builder import model_bytes
from codegen.export.float_graph import float_graph
from codegen.export.qdq_graph import qdq_graph
from codegen.importing.importer import ImportedNet, import_graph
from codegen.importing.reading import read_model
from codegen.targets import find_target
from host_tools.run import instructions_of_one_run
from tests.importing.zoo.quantiser import quantise_with_onnxruntime, run_onnxruntime

EXACT_SAMPLES = 20
TARGET = find_target("cortex-m4")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one model.

    Attributes:
        name: of the model.
        parameters: real-valued.
        macs: multiply-accumulates of one inference.
        weight_bytes: in flash.
        arena_bytes: in RAM.
        instructions: of one inference on the emulated Cortex-M4.
        float_error: largest difference between our real numbers and ONNX Runtime's, as a share of
            the largest output.
        snr_db: of our integers on samples that calibration has not seen, the worst output's.
        their_snr_db: the same of ONNX Runtime's static quantiser.
        chosen: what calibration chose.
        tensors_compared: between the PyTorch reference and each of the places.
        places: where the integers were compared with the reference.
        differences: the first one of each place that differed.
        export_error: like float_error, of the exported real numbers.
        qdq_steps: mean distance of the exported QDQ form from our integers, in steps of the output.
    """

    name: str
    parameters: int
    macs: int
    weight_bytes: int
    arena_bytes: int
    instructions: int
    float_error: float
    snr_db: float
    their_snr_db: float
    chosen: str
    tensors_compared: int
    places: tuple[str, ...]
    differences: tuple[str, ...]
    export_error: float
    qdq_steps: float


def measure(model: Path, calibration: np.ndarray, held_out: np.ndarray, scratch: Path) -> Figures:
    """Goes the whole way with a float model of one input.

    Args:
        model: the ONNX file.
        calibration: float32 [N, *shape of one sample].
        held_out: the same, other samples.
        scratch: an empty folder.
    """
    subject = load(model, calibration, scratch)
    imported = model_of(subject).imported
    theirs = scratch / "theirs.onnx"
    quantise_with_onnxruntime(model, theirs, calibration)
    wanted = run_onnxruntime(model, held_out)
    got = run_integers(subject, held_out)
    program = pipeline.emission_of(subject, TARGET).program
    checks = compare_everywhere(subject, held_out[:EXACT_SAMPLES], scratch, count=True)
    report = model_of(subject).report
    return Figures(
        name=subject.name,
        parameters=imported.net.arch.parameters(),
        macs=program.macs,
        weight_bytes=program.shared.size_bytes,
        arena_bytes=program.plan.arena_bytes,
        instructions=_instructions(checks),
        float_error=float_error(model, held_out),
        snr_db=_worst_db(wanted, _in_model_terms(imported, got)),
        their_snr_db=_worst_db(wanted, run_onnxruntime(theirs, held_out)),
        chosen=report.chosen if report else "the model's own scales",
        tensors_compared=checks[0].comparison.tensors_compared,
        places=tuple(check.where for check in checks),
        differences=differences(checks),
        export_error=_export_error(subject, held_out),
        qdq_steps=qdq_steps(subject, held_out, got),
    )


def load(model: Path, calibration: np.ndarray | None, scratch: Path) -> Subject:
    """Imports, and calibrates with the default options, as the command line does."""
    file = None
    if calibration is not None:
        file = scratch / "calibration.npy"
        np.save(file, calibration)
    return default_order(model, file).load()


def default_order(model: Path, calibration: Path | None) -> SubjectOrder:
    """What the command line asks for where only these two are given."""
    return SubjectOrder(
        user=None,
        onnx=model,
        calibration=calibration,
        observer="auto",
        equalise=True,
        bias_correction=True,
        pixels="unit",
        input_shapes=(),
        name=None,
        store=Path("store"),
    )


def model_of(subject: Subject) -> Model:
    """The model that a subject is."""
    assert subject.model is not None
    return subject.model


def run_integers(subject: Subject, samples: np.ndarray) -> dict[str, np.ndarray]:
    """What the integers of the outputs stand for: float64 [N, *house shape] by layer."""
    imported = model_of(subject).imported
    given = house_integers(subject.quant_net, imported, {imported.inputs[0].model_name: samples})
    tensors = pipeline.torch_reference(subject.quant_net, given)
    layers = {layer.name: layer for layer in subject.quant_net.layers}
    return {
        tensor.name: layers[tensor.name].quantity.reals(tensors[tensor.name])
        for tensor in imported.outputs
    }


def compare_everywhere(
    subject: Subject, samples: np.ndarray, scratch: Path, *, count: bool = False
) -> list[verifying.Check]:
    """Every tensor: this machine, the emulated Cortex-M4, the integer graph in ONNX Runtime."""
    imported = model_of(subject).imported
    given = house_integers(subject.quant_net, imported, {imported.inputs[0].model_name: samples})
    batch = Batch(names=tuple(f"sample {i}" for i in range(len(samples))), inputs=given)
    plan = verifying.Plan(
        target=TARGET, emulator="qemu", thorough=False, count=count, witness="onnxruntime"
    )
    return verifying.verify(subject, batch, plan, scratch, lambda _: None).checks


def float_error(model: Path, samples: np.ndarray) -> float:
    """Our real numbers beside ONNX Runtime's: the largest difference over the largest output."""
    imported = import_graph(read_model(model))
    real = run_real(imported.net, imported, {imported.inputs[0].model_name: samples})
    ours = _in_model_terms(imported, real)
    wanted = run_onnxruntime(model, samples)
    return max(_relative(wanted[name].reshape(ours[name].shape), ours[name]) for name in ours)


def differences(checks: list[verifying.Check]) -> tuple[str, ...]:
    """The first difference of each place that has one."""
    return tuple(
        f"{check.where}: {check.comparison.first_difference}"
        for check in checks
        if not check.comparison.bit_exact
    )


def qdq_steps(subject: Subject, samples: np.ndarray, got: Mapping[str, np.ndarray]) -> float:
    """Mean distance of the exported QDQ form from `got`, in steps of the output; the worst."""
    found = _run_exported(subject, model_bytes(qdq_graph(subject.quant_net)), samples)
    scales = {layer.name: layer.quantity.scale for layer in subject.quant_net.layers}
    outputs = zip(got.items(), found, strict=True)
    return max(
        float(np.abs(_channels_last(other, values) - values).mean() / scales[name])
        for (name, values), other in outputs
    )


def row(figures: Figures) -> tuple[str, ...]:
    """For a table, see HEADINGS."""
    exact = "DIFFERS" if figures.differences else "equal"
    return (
        figures.name,
        f"{figures.parameters:,}",
        f"{figures.macs:,}",
        f"{figures.weight_bytes:,}",
        f"{figures.arena_bytes:,}",
        f"{figures.instructions:,}",
        f"{figures.snr_db:.1f}",
        f"{figures.their_snr_db:.1f}",
        exact,
        figures.chosen,
    )


HEADINGS = (
    "network",
    "parameters",
    "MAC",
    "weights",
    "arena",
    "instructions",
    "SNR dB",
    "ORT dB",
    "tensors",
    "calibration chose",
)


def _export_error(subject: Subject, samples: np.ndarray) -> float:
    """The exported real numbers in ONNX Runtime beside ours."""
    imported = model_of(subject).imported
    real = run_real(subject.float_net, imported, {imported.inputs[0].model_name: samples})
    found = _run_exported(subject, model_bytes(float_graph(subject.float_net)), samples)
    pairs = zip((real[tensor.name] for tensor in imported.outputs), found, strict=True)
    return max(_relative(ours, _channels_last(other, ours)) for ours, other in pairs)


def _run_exported(subject: Subject, model: bytes, samples: np.ndarray) -> list[np.ndarray]:
    """The outputs of an exported form in real numbers; its images are channels first."""
    given = model_of(subject).imported.inputs[0].to_house(samples)
    images = np.moveaxis(given, -1, 1) if given.ndim == 4 else given
    return list(run_onnxruntime(model, np.ascontiguousarray(images, np.float32)).values())


def _channels_last(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    turned = np.moveaxis(values, 1, -1) if like.ndim == 4 else values
    return turned.reshape(like.shape)


def _in_model_terms(
    imported: ImportedNet, values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    return {t.model_name: t.to_model(values[t.name]) for t in imported.outputs}


def _relative(wanted: np.ndarray, got: np.ndarray) -> float:
    return float(np.abs(wanted - got).max() / np.abs(wanted).max())


def _worst_db(wanted: Mapping[str, np.ndarray], got: Mapping[str, np.ndarray]) -> float:
    return min(snr_db(wanted[name].reshape(got[name].shape), got[name]) for name in got)


def _instructions(checks: list[verifying.Check]) -> int:
    """Of one inference: the firmware runs every sample several times, all are counted."""
    counted = next(check.target for check in checks if check.target is not None)
    counts = counted.run.outcome.counts
    assert counts is not None
    manifest = counted.firmware.order.manifest
    assert manifest is not None
    return sum(number for _, number in instructions_of_one_run(counts, manifest))
