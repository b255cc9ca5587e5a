"""One step: which kernel computes which layer on a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codegen.errors import GateBreach
from codegen.kernels import KERNELS
from codegen.kernels.base import Kernel
from codegen.kernels.portable import PORTABLE
from codegen.nets import QuantNet
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.targets import HOST, Target


@dataclass(frozen=True, kw_only=True)
class ScheduledNet:
    """A network, and for each layer the kernel that computes it.

    Attributes:
        net: the network.
        target: the core.
        kernels: by layer.
    """

    net: QuantNet
    target: Target
    kernels: Mapping[str, Kernel]

    def kernel(self, layer: QuantLayer) -> Kernel:
        """The kernel of a layer."""
        return self.kernels[layer.name]

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """Working memory that a layer needs while it runs."""
        return self.kernel(layer).scratch_bytes(layer)

    def stored_specs(self) -> dict[str, TensorSpec]:
        """Layout of every tensor as its kernel reads it, by "layer.tensor"."""
        return {
            f"{layer.name}.{name}": spec
            for layer in self.net.layers
            for name, spec in self.kernel(layer).stored_specs(layer).items()
        }

    def stored(self) -> dict[str, np.ndarray]:
        """Every tensor as its kernel reads it, by "layer.tensor"."""
        return {
            f"{layer.name}.{name}": values
            for layer in self.net.layers
            for name, values in self.kernel(layer).stored(layer).items()
        }

    def check(self) -> None:
        """Raises GateBreach unless every kernel is proved exact for the actual weights."""
        found = [fault for layer in self.net.layers for fault in self.kernel(layer).breaches(layer)]
        if found:
            raise GateBreach(f"kernels of {self.net.arch.name}", tuple(found))

    def is_personal(self, tensor: str) -> bool:
        """Whether a stored tensor, "layer.tensor", belongs to a person: its whole layer does."""
        return self.net.arch.is_personal_layer(tensor.partition(".")[0])


def portable(net: QuantNet, target: Target = HOST) -> ScheduledNet:
    """Every layer by its operator's own kernel."""
    kernels = {layer.name: PORTABLE for layer in net.layers}
    return ScheduledNet(net=net, target=target, kernels=kernels)


def schedule(net: QuantNet, target: Target) -> ScheduledNet:
    """Chooses each layer's kernel: the last of those that compute it on this target."""
    kernels = {layer.name: candidates(layer, target)[-1] for layer in net.layers}
    return ScheduledNet(net=net, target=target, kernels=kernels)


def candidates(layer: QuantLayer, target: Target) -> tuple[Kernel, ...]:
    """Every kernel, with every blocking, that computes a layer on a target; the portable first."""
    return tuple(
        found
        for kernel in KERNELS
        if kernel.needs <= target.features
        for found in kernel.candidates(layer, target)
    )
