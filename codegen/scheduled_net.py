"""A network, and for each layer the kernel that computes it on a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codegen.errors import GateBreach
from codegen.kernels.base import Kernel
from codegen.kernels.portable import PORTABLE
from codegen.nets import QuantNet
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.streaming import Stream, row_layer
from codegen.targets import HOST, Target


@dataclass(frozen=True, kw_only=True)
class ScheduledNet:
    """A network, and for each layer the kernel that computes it.

    Attributes:
        net: the network.
        target: the core.
        kernels: by layer.
        stream: the layers that take the image row by row; None: all tensors are whole.
        inputs_in_arena: whether the arena has room for what the network is given, which is used
            again once nobody reads it any more; otherwise it lies elsewhere and stays.
    """

    net: QuantNet
    target: Target
    kernels: Mapping[str, Kernel]
    inputs_in_arena: bool = False
    stream: Stream | None = None

    def kernel(self, layer: QuantLayer) -> Kernel:
        """The kernel of a layer."""
        return self.kernels[layer.name]

    def computed(self, layer: QuantLayer) -> QuantLayer:
        """What a layer's kernel computes at once: the layer, or a row of it."""
        return row_layer(layer) if self.is_streamed(layer.name) else layer

    def is_streamed(self, layer: str) -> bool:
        """Whether a layer is computed row by row."""
        return self.stream is not None and layer in self.stream.layers

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """Working memory that a layer needs while it runs."""
        return self.kernel(layer).scratch_bytes(self.computed(layer))

    def stored_specs(self) -> dict[str, TensorSpec]:
        """Layout of every tensor as its kernel reads it, by "layer.tensor"."""
        return {
            f"{layer.name}.{name}": spec
            for layer in self.net.layers
            for name, spec in self.kernel(layer).stored_specs(self.computed(layer)).items()
        }

    def stored(self) -> dict[str, np.ndarray]:
        """Every tensor as its kernel reads it, by "layer.tensor"."""
        return {
            f"{layer.name}.{name}": values
            for layer in self.net.layers
            for name, values in self.kernel(layer).stored(self.computed(layer)).items()
        }

    def check(self) -> None:
        """Raises GateBreach unless every kernel is proved exact for the actual weights."""
        found = [
            fault
            for layer in self.net.layers
            for fault in self.kernel(layer).breaches(self.computed(layer))
        ]
        if found:
            raise GateBreach(f"kernels of {self.net.arch.name}", tuple(found))

    def is_personal(self, tensor: str) -> bool:
        """Whether a stored tensor, "layer.tensor", belongs to a person: its whole layer does."""
        return self.net.arch.is_personal_layer(tensor.partition(".")[0])


def portable(net: QuantNet, target: Target = HOST) -> ScheduledNet:
    """Every layer by its operator's own kernel."""
    kernels = {layer.name: PORTABLE for layer in net.layers}
    return ScheduledNet(net=net, target=target, kernels=kernels)
