"""Random valid models of 3 to 12 nodes, the same from the same seed."""

from __future__ import annotations

from tests.importing import random_layers as layers
from tests.importing import random_moves as moves
from tests.importing.random_graphs import (
    NEXT_SEED,
    REFUSALS,
    Kinds,
    Maker,
    RandomModel,
    session_of,
)

_COMMON = (
    *(
        layers.conv,
        layers.conv,
        layers.conv,
        layers.conv_transpose,
        layers.activation,
        layers.activation,
        layers.clip,
    ),
    *(
        layers.with_constant,
        layers.with_constant,
        layers.between,
        layers.between,
        layers.dense,
        layers.matmul,
        moves.concat,
        moves.split,
    ),
    *(
        moves.slice_,
        moves.gather,
        moves.pad,
        layers.pool,
        layers.pool,
        layers.global_pool,
        layers.reduce,
        moves.reshape,
        moves.flatten,
    ),
    *(
        moves.squeeze,
        moves.unsqueeze,
        moves.transpose,
        moves.transpose,
        moves.resize,
        layers.softmax,
    ),
)
ALL: Kinds = (
    *(
        *_COMMON,
        layers.batch_norm,
        layers.batch_norm,
        layers.prelu,
        layers.extremes,
        layers.sqrt,
        moves.blocks,
        layers.argmax,
    ),
)
QUANTISABLE: Kinds = (*_COMMON, layers.batch_norm)


def random_model(seed: int, *, longest: int = 12, quantisable: bool = False) -> RandomModel:
    """A model from a seed.

    Args:
        seed: fewer nodes (`longest`) of the same seed are the beginning of the same graph.
        longest: most nodes, at least 3.
        quantisable: only what ONNX Runtime's quantiser takes at any place.
    """
    kinds = QUANTISABLE if quantisable else ALL
    while True:
        model = Maker(seed, kinds, quantisable=quantisable).model(longest)
        try:
            session_of(model.proto)
        except REFUSALS:  # it finds other shapes before it runs a model than when it does
            seed += NEXT_SEED
            continue
        return model
