"""Compares two runs tensor by tensor and names the first element that differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError, OutputsDiffer


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first element that differs: lowest image, then first layer, then lowest index.

    Attributes:
        image: number of the image.
        layer: the layer's name.
        index: the element's place in the layer's output for one image.
        expected: its value in the first run.
        got: its value in the second run.
    """

    image: int
    layer: str
    index: tuple[int, ...]
    expected: int
    got: int

    def __str__(self) -> str:
        """One line for people."""
        place = ", ".join(str(number) for number in self.index)
        return (
            f"image {self.image}, layer {self.layer}, element [{place}]: "
            f"expected {self.expected}, got {self.got}"
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The verdict on two runs.

    Attributes:
        bit_exact: whether every compared element is equal.
        images: how many images were compared.
        tensors_compared: how many tensors, all images together.
        first_difference: where they part, or None.
    """

    bit_exact: bool
    images: int
    tensors_compared: int
    first_difference: Difference | None


def compare(expected: Mapping[str, NDArray[Any]], got: Mapping[str, NDArray[Any]]) -> Comparison:
    """Compares two runs of the same images.

    Args:
        expected: layer name -> integer array [N, ...], in the order the layers run.
        got: the same layers, of the same shapes and element types.

    Raises:
        HvError: they cannot be compared: other layers, shapes or element types, or no image.
    """
    _check_comparable(expected, got)
    images = len(next(iter(expected.values())))
    if images == 0:
        raise HvError("no image to compare", where="compare")
    differences = [
        difference
        for layer in expected
        if (difference := _first_difference(layer, expected[layer], got[layer])) is not None
    ]
    # min() keeps the first of equals: the layer that runs first
    first = min(differences, key=lambda difference: difference.image, default=None)
    return Comparison(
        bit_exact=first is None,
        images=images,
        tensors_compared=images * len(expected),
        first_difference=first,
    )


def require_equal(comparison: Comparison, *, where: str) -> None:
    """Returns when two runs were equal.

    Raises:
        OutputsDiffer: they were not.
    """
    if not comparison.bit_exact:
        raise OutputsDiffer(str(comparison.first_difference), where=where)


def _check_comparable(
    expected: Mapping[str, NDArray[Any]], got: Mapping[str, NDArray[Any]]
) -> None:
    if not expected:
        raise HvError("nothing to compare", where="compare")
    if set(expected) != set(got):
        names = ", ".join(sorted(set(expected) ^ set(got)))
        raise HvError(f"these layers are in one run only: {names}", where="compare")
    for layer, array in expected.items():
        other = got[layer]
        if (array.shape, array.dtype) != (other.shape, other.dtype):
            raise HvError(
                f"{array.dtype} {array.shape} against {other.dtype} {other.shape}",
                where=f"compare, layer {layer}",
            )


def _first_difference(layer: str, expected: NDArray[Any], got: NDArray[Any]) -> Difference | None:
    places = np.flatnonzero(expected.reshape(-1) != got.reshape(-1))
    if not len(places):
        return None
    image, *index = (int(number) for number in np.unravel_index(places[0], expected.shape))
    return Difference(
        image=image,
        layer=layer,
        index=tuple(index),
        expected=int(expected[(image, *index)]),
        got=int(got[(image, *index)]),
    )
