"""The operators. Adding one: its file here, its template, its test, and its line in OPS."""

from __future__ import annotations

from codegen.errors import HvError
from codegen.ops.add import Add
from codegen.ops.argmax import Argmax
from codegen.ops.average_pool import AveragePool
from codegen.ops.base import Op
from codegen.ops.concat import Concat
from codegen.ops.constant import Constant
from codegen.ops.conv2d import Conv2d
from codegen.ops.conv_transpose import ConvTranspose
from codegen.ops.dense import Dense
from codegen.ops.depthwise import Depthwise
from codegen.ops.dilated_max_pool import DilatedMaxPool
from codegen.ops.flatten import Flatten
from codegen.ops.global_pool import GlobalPool
from codegen.ops.grouped_conv import GroupedConv
from codegen.ops.inner_average_pool import InnerAveragePool
from codegen.ops.lookup import Lookup
from codegen.ops.max_pool import MaxPool
from codegen.ops.mul import Mul
from codegen.ops.normalised_decision import NormalisedDecision
from codegen.ops.pad import Pad
from codegen.ops.plain_decision import PlainDecision
from codegen.ops.pointwise import Pointwise
from codegen.ops.reshape import Reshape
from codegen.ops.resize import Resize
from codegen.ops.slice import Slice
from codegen.ops.softmax import Softmax
from codegen.ops.sub import Sub
from codegen.ops.transpose import Transpose

OPS: tuple[type[Op], ...] = (
    Add,
    Argmax,
    AveragePool,
    Concat,
    Constant,
    Conv2d,
    ConvTranspose,
    Dense,
    Depthwise,
    DilatedMaxPool,
    Flatten,
    GlobalPool,
    GroupedConv,
    InnerAveragePool,
    Lookup,
    MaxPool,
    Mul,
    NormalisedDecision,
    Pad,
    PlainDecision,
    Pointwise,
    Reshape,
    Resize,
    Slice,
    Softmax,
    Sub,
    Transpose,
)


def find_op(kind: str) -> type[Op]:
    """The operator's class, or an error that lists what there is."""
    for op in OPS:
        if op.kind == kind:
            return op
    known = ", ".join(op.kind for op in OPS)
    raise HvError(f"unknown operator {kind!r}", hint=f"one of: {known}")
