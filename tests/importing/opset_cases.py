"""What opsets say differently: attributes that became inputs, defaults that moved."""

from __future__ import annotations

import numpy as np
import onnx

from tests.importing.handler_cases import BN, CASES, Made, batch_norm, chain
from tests.importing.onnx_models import node

IMAGE = (1, 4, 6, 7)


def _add(name: str, proto: onnx.ModelProto, kinds: str) -> None:
    def make() -> Made:
        return proto, kinds

    CASES[name] = make


for opset in (7, 10):
    _add(
        f"clip_by_attributes_{opset}",
        chain(IMAGE, [node("Clip", "x", "y", min=-0.5, max=1.5)], opset=opset),
        "lookup",
    )
    _add(
        f"open_clip_by_attributes_{opset}",
        chain(IMAGE, [node("Clip", "x", "y", max=0.75)], opset=opset),
        "lookup",
    )
    _add(
        f"batch_norm_{opset}",
        chain(IMAGE, [node("BatchNormalization", f"x {BN}", "y")], batch_norm(4), opset=opset),
        "depthwise",
    )
    _add(
        f"dropout_{opset}",
        chain(IMAGE, [node("Dropout", "x", "d"), node("Relu", "d", "y")], opset=opset),
        "lookup",
    )
for opset in (11, 13, 18):
    _add(
        f"clip_by_inputs_{opset}",
        chain(
            IMAGE,
            [node("Clip", "x - high", "y")],
            {"high": np.float32(0.75)},
            opset=opset,
        ),
        "lookup",
    )

_add(
    "pad_by_attributes",
    chain(
        IMAGE,
        [node("Pad", "x", "y", pads=[0, 0, 1, 2, 0, 1, 0, 1], value=0.25)],
        opset=10,
    ),
    "lookup pad lookup",
)
_add(
    "pad_by_inputs_with_axes",
    chain(
        IMAGE,
        [node("Pad", "x p v axes", "y")],
        {"p": [1, 2, 0, 1], "v": np.float32(-0.5), "axes": [-1, 2]},
        opset=18,
    ),
    "lookup pad lookup",
)
_add(
    "slice_by_attributes",
    chain(
        IMAGE,
        [node("Slice", "x", "y", starts=[1, -3], ends=[1000, -1], axes=[1, 3])],
        opset=9,
    ),
    "slice",
)
_add(
    "squeeze_and_unsqueeze_by_attributes",
    chain(
        (1, 4, 1, 7),
        [
            node("Squeeze", "x", "s", axes=[0, 2]),
            node("Unsqueeze", "s", "u", axes=[0, 3]),
            node("Relu", "u", "y"),
        ],
        opset=11,
    ),
    "lookup",
)
_add(
    "squeeze_of_all_by_inputs",
    chain((1, 4, 1, 7), [node("Squeeze", "x", "s"), node("Relu", "s", "y")], opset=13),
    "lookup",
)
_add(
    "split_by_attribute",
    chain(
        IMAGE,
        [node("Split", "x", "a b", axis=-3, split=[1, 3]), node("Concat", "b a", "y", axis=1)],
        opset=11,
    ),
    "slice slice concat",
)
_add(
    "split_into_equal_parts",
    chain(
        IMAGE,
        [node("Split", "x", "a b", axis=1, num_outputs=2), node("Concat", "b a", "y", axis=1)],
        opset=18,
    ),
    "slice slice concat",
)
for opset in (11, 13, 17):
    _add(
        f"reduce_mean_by_attribute_{opset}",
        chain(IMAGE, [node("ReduceMean", "x", "y", axes=[-1, 2], keepdims=0)], opset=opset),
        "global_pool",
    )
_add(
    "reduce_mean_by_input",
    chain(IMAGE, [node("ReduceMean", "x a", "y")], {"a": [1]}, opset=18),
    "transpose global_pool",
)
_add(
    "reduce_sum_by_attribute",
    chain(IMAGE, [node("ReduceSum", "x", "y", axes=[1, -1])], opset=11),
    "transpose global_pool lookup",
)
_add(
    "reduce_max_of_everything",
    chain(IMAGE, [node("ReduceMax", "x", "m_", keepdims=0), node("Sub", "x m_", "y")], opset=11),
    "max_pool transpose sub",
)
_add(
    "upsample_by_attribute",
    chain(IMAGE, [node("Upsample", "x", "y", scales=[1.0, 1.0, 2.0, 3.0])], opset=7),
    "resize",
)
_add(
    "upsample_by_input",
    chain(
        IMAGE,
        [node("Upsample", "x s", "y")],
        {"s": np.array([1, 1, 2, 1.5], np.float32)},
        opset=9,
    ),
    "resize",
)
_add(
    "resize_of_opset_10",
    chain(
        IMAGE,
        [node("Resize", "x s", "y")],
        {"s": np.array([1, 1, 0.6, 2], np.float32)},
        opset=10,
    ),
    "resize",
)
for coordinates in ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"):
    for rounding in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
        _add(
            f"resize_{coordinates}_{rounding}",
            chain(
                IMAGE,
                [
                    node(
                        "Resize",
                        "x - - sizes",
                        "y",
                        coordinate_transformation_mode=coordinates,
                        nearest_mode=rounding,
                    )
                ],
                {"sizes": [1, 4, 9, 5]},
                opset=13,
            ),
            "resize",
        )
for axis in (1, 2, 3):
    _add(
        f"softmax_over_axes_from_{axis}",
        chain((2, 3, 2, 4), [node("Softmax", "x", "y", axis=axis)], opset=11),
        "softmax",
    )
for opset in (7, 11, 19):
    for counted in (0, 1):
        _add(
            f"average_pool_{opset}_counting_{counted}",
            chain(
                IMAGE,
                [
                    node(
                        "AveragePool",
                        "x",
                        "y",
                        kernel_shape=[3, 2],
                        strides=[2, 3],
                        pads=[1, 0, 2, 1],
                        count_include_pad=counted,
                        **({"ceil_mode": 1} if opset > 10 else {}),
                    )
                ],
                opset=opset,
            ),
            "average_pool" if counted else "inner_average_pool",
        )
for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    _add(
        f"max_pool_{mode.lower()}",
        chain(
            IMAGE,
            [node("MaxPool", "x", "y", kernel_shape=[3, 2], strides=[2, 2], auto_pad=mode)],
            opset=12,
        ),
        "max_pool",
    )
