"""Small architectures as data, for tests."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

IMAGE_SCALE = 1 / 64

ROWS: Json = {
    "name": "rows",
    "image": {"height": 8, "width": 8, "channels": 4, "scale": IMAGE_SCALE},
    "layers": [
        {
            "name": "conv0",
            "op": "conv2d",
            "inputs": ["image"],
            "channels": 4,
            "kernel": [3, 3],
            "padding": [1, 1, 1, 1],
            "activation": {"kind": "prelu"},
        },
        {
            "name": "depthwise0",
            "op": "depthwise",
            "inputs": ["conv0"],
            "kernel": [3, 3],
            "stride": [2, 2],
            "padding": [1, 1, 0, 0],
            "activation": {"kind": "relu"},
        },
        {"name": "features", "op": "flatten", "inputs": ["depthwise0"]},
        {
            "name": "head",
            "op": "dense",
            "inputs": ["features"],
            "channels": 1,
            "output": "int32",
        },
        {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
    ],
    "personal": ["head.*"],
}

CONV_HEAD: Json = {
    "name": "conv-head",
    "image": {"height": 9, "width": 7, "channels": 3, "scale": IMAGE_SCALE},
    "layers": [
        {
            "name": "conv0",
            "op": "conv2d",
            "inputs": ["image"],
            "channels": 5,
            "kernel": [3, 3],
            "stride": [2, 2],
            "padding": [1, 1, 1, 1],
            "activation": {"kind": "prelu"},
        },
        {
            "name": "conv1",
            "op": "conv2d",
            "inputs": ["conv0"],
            "channels": 5,
            "kernel": [3, 3],
            "padding": [1, 1, 1, 1],
            "activation": {"kind": "prelu"},
        },
        {"name": "sum", "op": "add", "inputs": ["conv0", "conv1"]},
        {"name": "features", "op": "flatten", "inputs": ["sum"]},
        {
            "name": "head",
            "op": "dense",
            "inputs": ["features"],
            "channels": 1,
            "output": "int32",
        },
        {"name": "decision", "op": "normalised_decision", "inputs": ["head", "features"]},
    ],
    "personal": ["head.*", "decision.*"],
}

DEPTHWISE_ALL: Json = {
    "name": "depthwise-all",
    "image": {"height": 13, "width": 11, "channels": 3, "scale": IMAGE_SCALE},
    "layers": [
        {
            "name": "stem",
            "op": "pointwise",
            "inputs": ["image"],
            "channels": 6,
            "activation": {"kind": "relu6"},
        },
        {
            "name": "dw",
            "op": "depthwise",
            "inputs": ["stem"],
            "kernel": [3, 2],
            "stride": [1, 2],
            "padding": [0, 1, 2, 0],
            "activation": {"kind": "clip", "lo": -1.5, "hi": 2.5},
        },
        {
            "name": "mixed",
            "op": "pointwise",
            "inputs": ["dw"],
            "channels": 7,
            "activation": {"kind": "relu"},
        },
        {
            "name": "largest",
            "op": "max_pool",
            "inputs": ["mixed"],
            "kernel": [3, 3],
            "stride": [2, 2],
            "padding": [1, 1, 1, 1],
        },
        {
            "name": "mean",
            "op": "average_pool",
            "inputs": ["largest"],
            "kernel": [2, 2],
            "stride": [2, 1],
            "padding": [0, 0, 1, 0],
        },
        {"name": "pooled", "op": "global_pool", "inputs": ["mean"]},
        {
            "name": "hidden",
            "op": "dense",
            "inputs": ["pooled"],
            "channels": 4,
            "activation": {"kind": "prelu"},
        },
        {"name": "head", "op": "dense", "inputs": ["hidden"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
    ],
    "personal": ["*"],
}


TWO_INPUTS: Json = {
    "name": "two-inputs",
    "inputs": [{"name": "picture", "shape": [6, 5, 2]}, {"name": "motion", "shape": [7]}],
    "layers": [
        {
            "name": "conv",
            "op": "conv2d",
            "inputs": ["picture"],
            "channels": 3,
            "kernel": [3, 3],
            "stride": [2, 1],
            "activation": {"kind": "relu"},
        },
        {"name": "features", "op": "flatten", "inputs": ["conv"]},
        {"name": "seen", "op": "dense", "inputs": ["features"], "channels": 4},
        {"name": "felt", "op": "dense", "inputs": ["motion"], "channels": 4},
        {"name": "both", "op": "add", "inputs": ["seen", "felt"]},
        {"name": "exact", "op": "dense", "inputs": ["both"], "channels": 3, "output": "int32"},
    ],
    "outputs": ["both", "exact", "features"],
}

MOVES: Json = {
    "name": "moves",
    "image": {"height": 6, "width": 5, "channels": 3, "scale": IMAGE_SCALE},
    "layers": [
        {"name": "stem", "op": "pointwise", "inputs": ["image"], "channels": 3},
        {
            "name": "mirrored",
            "op": "pad",
            "inputs": ["stem"],
            "before": [2, 1, 0],
            "after": [0, 3, 1],
            "mode": "reflect",
        },
        {
            "name": "held",
            "op": "pad",
            "inputs": ["mirrored"],
            "before": [1, 0, 0],
            "after": [1, 2, 0],
            "mode": "edge",
        },
        {
            "name": "framed",
            "op": "pad",
            "inputs": ["held"],
            "before": [1, 0, 0],
            "after": [0, 2, 0],
            "mode": "constant",
            "value": -0.5,
        },
        {"name": "turned", "op": "transpose", "inputs": ["framed"], "axes": [1, 0, 2]},
        {
            "name": "thinned",
            "op": "slice",
            "inputs": ["turned"],
            "start": [12, 1, 0],
            "size": [4, 5, 3],
            "step": [-3, 2, 1],
        },
        {
            "name": "small",
            "op": "resize",
            "inputs": ["stem"],
            "rows": [0, 2, 3, 5],
            "columns": [4, 3, 2, 2, 0],
        },
        {"name": "mixed", "op": "pointwise", "inputs": ["small"], "channels": 2},
        {"name": "joined", "op": "concat", "inputs": ["thinned", "mixed", "thinned"], "axis": 2},
        {"name": "folded", "op": "reshape", "inputs": ["joined"], "shape": [10, 16]},
        {"name": "features", "op": "flatten", "inputs": ["folded"]},
        {"name": "head", "op": "dense", "inputs": ["features"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
    ],
    "personal": ["head.*", "decision.*"],
}
