"""How a model came to its integers, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codegen.calibration.choose import Candidate, Report
    from codegen.cli.onnx_model import Model
    from codegen.cli.subject import Subject
    from codegen.importing.importer import Tensor
    from codegen.ops.base import Quantity

OWN = "the model's own scales and zero points"


def quantised_line(subject: Subject) -> list[str]:
    """One line, or none where the subject is a person."""
    if subject.model is None:
        return []
    report = subject.model.report
    if report is None:
        return [f"quantised: {OWN}"]
    return [
        f"quantised: {report.chosen}, {_worst(report):.1f} dB on the "
        f"{subject.model.sample_count} calibration samples"
    ]


def quantised_lines(subject: Subject) -> list[str]:
    """The same at more length: each output's signal, and what else was tried."""
    if subject.model is None:
        return []
    report = subject.model.report
    if report is None:
        return [f"  scales   {OWN}"]
    names = {tensor.name: tensor.model_name for tensor in subject.model.imported.outputs}
    each = ", ".join(f"{names[name]} {value:.1f}" for name, value in report.outputs.items())
    single = f" ({each})" if len(report.outputs) > 1 else ""
    samples = subject.model.sample_count
    lines = [f"  signal   {_worst(report):.1f} dB on the {samples} calibration samples{single}"]
    return [*lines, f"  scales   {report.chosen}{_compared(report)}"]


def report_lines(subject: Subject) -> tuple[str, ...]:
    """For report.md: sentences."""
    if subject.model is None:
        return ()
    report = subject.model.report
    if report is None:
        return (f"The integers have {OWN}.",)
    sentences = [
        f"Quantised after training on {subject.model.sample_count} samples: {report.chosen}. "
        f"Signal-to-noise ratio on them, against the model in real numbers: {_worst(report):.1f} dB"
        + (" for the worst output." if len(report.outputs) > 1 else ".")
    ]
    return (*sentences, *(f"{remark[:1].upper()}{remark[1:]}." for remark in still_remarks(report)))


def still_remarks(report: Report) -> list[str]:
    """What the samples could not say."""
    if not report.still:
        return []
    names = ", ".join(report.still)
    return [f"one number on all samples, so the ranges there are guesses: {names}"]


def quantised_json(subject: Subject) -> dict[str, Any]:
    """`model`, `onnx`, and `calibration`, which is null where the model has its own scales."""
    if subject.model is None:
        return {}
    return {
        "model": subject.name,
        "onnx": str(subject.model.file),
        "calibration": _calibration(subject.model),
    }


def tensor_json(tensor: Tensor, quantity: Quantity) -> dict[str, Any]:
    """An input or output: the model's name and shape, the house's, and what its integers mean."""
    return {
        "name": tensor.model_name,
        "c_name": tensor.name,
        "model_shape": list(tensor.model_shape),
        "shape": list(tensor.shape),
        "scale": quantity.scale,
        "zero_point": quantity.zero_point,
    }


def emitted_json(subject: Subject) -> dict[str, Any]:
    """Inputs, outputs with their SNR on the calibration samples, and the worst of these."""
    model, net = subject.model, subject.quant_net
    if model is None:
        return {}
    found = {} if model.report is None else model.report.outputs
    layers = {layer.name: layer for layer in net.layers}
    inputs = [tensor_json(t, net.input_quantities[t.name]) for t in model.imported.inputs]
    outputs = [
        {**tensor_json(t, layers[t.name].quantity), "snr_db": found.get(t.name)}
        for t in model.imported.outputs
    ]
    return {
        **quantised_json(subject),
        "inputs": inputs,
        "outputs": outputs,
        "snr_db": min(found.values(), default=None),
    }


def _calibration(model: Model) -> dict[str, Any] | None:
    report = model.report
    if report is None:
        return None
    names = {tensor.name: tensor.model_name for tensor in model.imported.outputs}
    return {
        "samples": model.sample_count,
        "chosen": report.chosen,
        "snr_db": {names[name]: value for name, value in report.outputs.items()},
        "candidates": [vars(candidate) for candidate in report.candidates],
        "still": list(report.still),
    }


def _compared(report: Report) -> str:
    """Beside the plain one, which is the first that was tried."""
    tried = len(report.candidates)
    plain = report.candidates[0]
    if tried == 1:
        return ""
    if plain.name == report.chosen:
        return f": none of the other {tried - 1} ways tried is clearly better"
    chosen = next(each for each in report.candidates if each.name == report.chosen)
    samples = "samples its ranges had not seen" if report.is_split else "these few samples"
    return f", of {tried} ways tried: {_result(chosen)} on {samples}; {plain.name} {_result(plain)}"


def _result(candidate: Candidate) -> str:
    return "was refused" if candidate.unseen_db is None else f"{candidate.unseen_db:.1f} dB"


def _worst(report: Report) -> float:
    return min(report.outputs.values())
