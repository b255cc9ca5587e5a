"""h_gen: from an embedding to all the weights of one person's f.

All kinds start at one body for everybody: its folded weights are the generator's output bias, and
the last layer is P^T e. With a distilled body they work from the first step on; from a random one,
as in the paper, h_gen learns little in the time of a processor. Which layers of the body are
personal is the architecture's choice; how, is the kind's.

A new kind is a new file here and its line in `GENERATORS`.
"""

from __future__ import annotations

from hypernet.generators.base import Generator, PersonalLayer, Theta
from hypernet.generators.embedding_space import EmbeddingSpace
from hypernet.generators.film import FilmGenerator
from hypernet.generators.full import FullGenerator
from hypernet.generators.last_layer import LastLayerGenerator
from hypernet.generators.low_rank import LowRankGenerator
from hypernet.generators.two_views import TwoViewsGenerator

GENERATORS: dict[str, type[Generator]] = {
    generator.kind: generator
    for generator in (
        FilmGenerator,
        FullGenerator,
        LastLayerGenerator,
        LowRankGenerator,
        TwoViewsGenerator,
    )
}

__all__ = [
    "GENERATORS",
    "EmbeddingSpace",
    "FilmGenerator",
    "FullGenerator",
    "Generator",
    "LastLayerGenerator",
    "LowRankGenerator",
    "PersonalLayer",
    "Theta",
    "TwoViewsGenerator",
]
