"""Checks on a quantised network; each reports every breach at once."""

from __future__ import annotations

import numpy as np

from codegen.errors import GateBreach, HvError
from codegen.nets import QuantNet


def check_network(net: QuantNet) -> None:
    """Raises GateBreach unless every accumulator and constant is proved to fit the contract.

    The proof uses the actual weights and holds for every possible image.
    """
    breaches = [breach for layer in net.layers for breach in layer.op.breaches(layer)]
    specs = net.arch.tensor_specs()
    for name, values in net.tensors().items():
        spec = specs[name]
        if values.shape != spec.shape or values.dtype != np.dtype(spec.dtype):
            breaches.append(
                HvError(
                    f"{values.dtype} {values.shape}, expected {spec.dtype} {spec.shape}",
                    where=name,
                    hint="a value does not fit its integer type, or the store is damaged",
                )
            )
    if breaches:
        raise GateBreach(f"network {net.arch.name}", tuple(breaches))
