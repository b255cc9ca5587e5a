"""What the operators share that read chosen indices along an axis."""

from __future__ import annotations

from collections.abc import Sequence

from array_api_compat import array_namespace, device

from codegen.arith import Array


def take(x: Array, indices: Sequence[int], axis: int) -> Array:
    """The chosen elements along an axis.

    Args:
        x: [N, ...], a numpy array or a torch tensor, integers or reals.
        indices: what is read, in the order of the result.
        axis: of the tensor without its batch.
    """
    xp = array_namespace(x)
    chosen = xp.asarray(list(indices), dtype=xp.int64, device=device(x))
    return xp.take(x, chosen, axis=axis + 1)
