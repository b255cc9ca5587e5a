"""ONNX Runtime's own static quantiser and its CPU kernels, to compare with."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process


class _Samples(CalibrationDataReader):  # type: ignore[misc]
    """One sample after the other."""

    def __init__(self, name: str, samples: np.ndarray) -> None:
        self._feeds = ({name: sample[np.newaxis]} for sample in samples)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def quantise_with_onnxruntime(model: Path, target: Path, samples: np.ndarray) -> None:
    """int8 QDQ with a scale per output channel, min-max ranges, as its manual advises.

    Args:
        model: in real numbers, with one input.
        target: the file to write.
        samples: float32 [N, *shape of one sample], for the ranges.
    """
    prepared = target.with_suffix(".prepared.onnx")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _Samples(input_name(prepared), samples),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    finally:
        logging.disable(before)
        prepared.unlink(missing_ok=True)


def run_onnxruntime(model: Path | bytes, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Runs a model with one input, sample by sample: [N, *shape without the batch] by output."""
    session = _session(model)
    name = session.get_inputs()[0].name
    names = [output.name for output in session.get_outputs()]
    answers = [session.run(None, {name: sample[np.newaxis]}) for sample in samples]
    return {
        each: np.concatenate(parts)
        for each, parts in zip(names, zip(*answers, strict=True), strict=True)
    }


def input_name(model: Path) -> str:
    """Of the one input."""
    name: str = _session(model).get_inputs()[0].name
    return name


def _session(model: Path | bytes) -> Any:  # noqa: ANN401 - onnxruntime has no types
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    # without VNNI its fused products of int8 would saturate
    options.add_session_config_entry("session.x64quantprecision", "1")
    given = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
