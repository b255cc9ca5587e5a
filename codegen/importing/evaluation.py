"""One node run on constants, by ONNX's own reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator


def evaluate(
    node: onnx.NodeProto, feeds: Mapping[str, np.ndarray], opset: int
) -> dict[str, np.ndarray] | None:
    """What a standard node answers, by output; None where the reference cannot say.

    Args:
        node: of the standard domain, without graphs in it.
        feeds: all its inputs.
        opset: of the standard operators.
    """
    alone = onnx.NodeProto()
    alone.CopyFrom(node)
    try:
        results = ReferenceEvaluator(alone, opsets={"": opset}).run(None, dict(feeds))
    except Exception:  # whatever its many operators raise: the node stays a node
        return None
    arrays = {name: x for name, x in zip(node.output, results, strict=False) if name}
    if not all(isinstance(x, np.ndarray | np.generic) for x in arrays.values()):
        return None  # a sequence
    if any(x.dtype == object for x in arrays.values()):
        return None  # strings
    return {name: np.asarray(x) for name, x in arrays.items()}
