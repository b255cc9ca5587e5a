"""What a network answered, for people and for machines: scores of a person, or signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.cli import pipeline
from codegen.cli.common import counted, table
from codegen.cli.quantisation import quantised_json, quantised_line, tensor_json
from codegen.ops.base import shape_text

if TYPE_CHECKING:
    from codegen.cli.batches import Batch
    from codegen.cli.onnx_model import Model
    from codegen.cli.subject import Subject

Answer = tuple[dict[str, Any], list[str]]  # for machines, for people


def answers(subject: Subject, batch: Batch, outputs: Mapping[str, np.ndarray]) -> Answer:
    """Args: outputs, int8 or int32 [N, *shape] by layer, at least those that the caller gets."""
    if subject.model is None:
        return _verdicts(subject, batch, outputs[subject.quant_net.layers[-1].name])
    return _signals(subject, subject.model, batch, outputs)


def _verdicts(subject: Subject, batch: Batch, verdicts: np.ndarray) -> Answer:
    scores = pipeline.scores_of(subject.quant_net, batch.names, verdicts)
    threshold = subject.float_net.threshold
    data = {
        "user": subject.name,
        "threshold": threshold,
        "scores": [vars(score) for score in scores],
        "skipped": [{"name": name, "reason": reason} for name, reason in batch.skipped],
    }
    headings = ("photograph", "accumulator", "score", "verdict")
    return data, [*table(headings, pipeline.score_rows(scores)), f"threshold {threshold:.3f}"]


def _signals(
    subject: Subject, model: Model, batch: Batch, outputs: Mapping[str, np.ndarray]
) -> Answer:
    """Each output against the real-valued model on the same samples."""
    from codegen.calibration.signal_to_noise import snr_by_output
    from codegen.cli.onnx_model import run_real

    layers = {layer.name: layer for layer in subject.quant_net.layers}
    real = None if batch.real is None else run_real(model.imported.net, model.imported, batch.real)
    names = [tensor.name for tensor in model.imported.outputs]
    found = {} if real is None else snr_by_output(real, outputs, layers.values(), names)
    rows, facts = [], []
    for tensor in model.imported.outputs:
        layer = layers[tensor.name]
        fact = {**tensor_json(tensor, layer.quantity), "snr_db": None, "largest_error": None}
        signal = largest = "-"
        if real is not None:
            error = real[tensor.name] - layer.quantity.reals(outputs[tensor.name])
            fact["snr_db"] = found[tensor.name]
            fact["largest_error"] = float(np.abs(error).max())
            signal, largest = f"{fact['snr_db']:.1f}", f"{fact['largest_error']:.4g}"
        shape = shape_text(tensor.shape)
        rows.append((tensor.model_name, shape, f"{layer.quantity.scale:.4g}", signal, largest))
        facts.append(fact)
    data: dict[str, Any] = {
        **quantised_json(subject),
        "samples": len(batch.names),
        "outputs": facts,
        "snr_db": min(found.values(), default=None),
    }
    headings = ("output", "shape", "step", "SNR dB", "largest error")
    lines = table(headings, rows)
    count = len(batch.names)
    lines.append(
        f"{counted(count, 'sample')}, against the model in real numbers"
        if real is not None
        else f"{counted(count, 'made-up input')}; give --samples to compare with real numbers"
    )
    return data, lines + quantised_line(subject)
