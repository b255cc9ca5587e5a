"""Two networks that others are compared on. Their weights come from a seed, which costs do not ask.

P has plain convolutions, M depthwise separable ones; both take a picture and give one number.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx

from tests.importing.onnx_models import model, node, real


@dataclass(kw_only=True)
class _Draft:
    """A network under way: the tensor that the next layer reads, and what there is so far."""

    tensor: str = "x"
    channels: int = 3
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def conv(self, channels: int, *, size: int = 3, stride: int = 1, group: int = 1) -> None:
        """A convolution with ReLU, padded so that the output is input / stride."""
        index = len(self.constants) // 2
        before = (size - stride) // 2 if size > stride else 0
        after = size - stride - before if size > stride else 0
        self._weights(index, (channels, self.channels // group, size, size))
        self._add(
            "Conv",
            f"{self.tensor} w{index} b{index}",
            f"c{index}",
            group=group,
            kernel_shape=[size, size],
            pads=[before, before, after, after],
            strides=[stride, stride],
        )
        self._add("Relu", f"c{index}", f"t{index}")
        self.channels = channels

    def separable(self, channels: int, *, stride: int = 1) -> None:
        """Depthwise, then pointwise."""
        self.conv(self.channels, stride=stride, group=self.channels)
        self.conv(channels, size=1)

    def head(self, features: int) -> None:
        """One number from all features."""
        index = len(self.constants) // 2
        self._add("Flatten", self.tensor, "flat")
        self._weights(index, (1, features))
        self._add("Gemm", f"flat w{index} b{index}", "y", transB=1)

    def pool(self) -> None:
        """The mean of each channel."""
        self._add("GlobalAveragePool", self.tensor, "mean")

    def done(self, size: int) -> onnx.ModelProto:
        """The network for pictures of `size` x `size`."""
        ends = {"x": real(1, 3, size, size)}, {"y": real(1, 1)}
        return model(self.nodes, *ends, self.constants, opset=13)

    def _add(self, op: str, inputs: str, output: str, **attributes: object) -> None:
        self.nodes.append(node(op, inputs, output, **attributes))
        self.tensor = output

    def _weights(self, index: int, shape: tuple[int, ...]) -> None:
        spread = np.sqrt(2 / np.prod(shape[1:]))
        weights = self.generator.standard_normal(shape, np.float32) * np.float32(spread)
        self.constants[f"w{index}"] = weights
        self.constants[f"b{index}"] = np.zeros(shape[0], np.float32)


def net_p() -> onnx.ModelProto:
    """64x64x3: 3x3/2 8, 3x3/2 16, 3x3 16, 3x3/2 32, 3x3 32, 3x3/2 16, dense 1."""
    draft = _Draft()
    for channels, stride in ((8, 2), (16, 2), (16, 1), (32, 2), (32, 1), (16, 2)):
        draft.conv(channels, stride=stride)
    draft.head(16 * 4 * 4)
    return draft.done(64)


def net_m() -> onnx.ModelProto:
    """96x96x3: 3x3/2 8, six depthwise separable layers to 128 channels, pool, dense 1."""
    draft = _Draft()
    draft.conv(8, stride=2)
    for channels, stride in ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)):
        draft.separable(channels, stride=stride)
    draft.pool()
    draft.head(128)
    return draft.done(96)


NETWORKS = {"net-p": net_p, "net-m": net_m}
