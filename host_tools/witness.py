"""ONNX Runtime as a witness: the integer graph, run by an implementation that nobody here wrote."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError, ProgramMissing

WITNESS = "onnxruntime"
HINT = "pip install onnxruntime"
BATCH = 64  # images at a time: every tensor between two layers is kept

# Message levels of ONNX Runtime: errors are raised, warnings would mix with our own talk.
_ERRORS_ONLY = 3


def witness_version() -> str | None:
    """The installed version of ONNX Runtime, or None."""
    if importlib.util.find_spec(WITNESS) is None:
        return None
    return importlib.metadata.version(WITNESS)


def require_witness() -> None:
    """Returns when ONNX Runtime is installed.

    Raises:
        ProgramMissing: it is not.
    """
    if witness_version() is None:
        raise ProgramMissing("the package onnxruntime is not installed", hint=HINT)


def run_witness(model: bytes, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Runs a model on its CPU provider, each node as it is written: no node is fused or moved.

    Args:
        model: the bytes of an ONNX model.
        inputs: by name, [N, ...], N at least 1: the uint8 image, or int8 tensors.

    Returns:
        output name -> array [N, ...], in the model's order.

    Raises:
        ProgramMissing: ONNX Runtime is not installed.
        HvError: it refused the model or the inputs.
    """
    require_witness()
    runtime: Any = importlib.import_module(WITNESS)  # loaded here: it may be missing, and is slow
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        batches = [
            session.run(None, {k: values[start : start + BATCH] for k, values in inputs.items()})
            for start in range(0, len(next(iter(inputs.values()))), BATCH)
        ]
    except Exception as error:  # its exceptions have no public base class
        raise HvError(f"ONNX Runtime refused: {error}", where="witness") from error
    names = [output.name for output in session.get_outputs()]
    columns = zip(*batches, strict=True)
    return {name: np.concatenate(parts) for name, parts in zip(names, columns, strict=True)}
