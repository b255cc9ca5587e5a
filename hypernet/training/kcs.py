"""K-means Centered Sampling: batches full of people who look alike (paper, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codegen.errors import ProgramMissing

Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """The rows of a table by person, with one mean embedding each.

    Attributes:
        rows: one int array of table rows for each of the P people.
        means: float32 [P, D], mean embeddings of unit length.
    """

    rows: tuple[NDArray[np.intp], ...]
    means: NDArray[np.float32]


def group_people(numbers: NDArray[np.intp], embeddings: NDArray[np.float32]) -> People:
    """Groups table rows by person.

    Args:
        numbers: int [N], person of every row, 0 .. P-1, all occurring.
        embeddings: float32 [N, D], centred, of unit length.
    """
    order = np.argsort(numbers, kind="stable")
    edges = np.flatnonzero(np.diff(numbers[order])) + 1
    rows = tuple(np.split(order, edges))
    means = np.stack([embeddings[own].mean(axis=0) for own in rows])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return People(rows=rows, means=means.astype(np.float32))


def cluster_centres(people: People, *, clusters: int, seed: int) -> NDArray[np.float32]:
    """K-means centres of the people's means: float32 [clusters, D]."""
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise ProgramMissing(
            "scikit-learn is needed to train with K-means Centered Sampling",
            hint="pip install scikit-learn",
        ) from error
    fitted = KMeans(n_clusters=clusters, n_init=1, random_state=seed).fit(people.means)
    return np.asarray(fitted.cluster_centers_, np.float32)


def random_people(people: People, *, count: int, rng: Rng) -> NDArray[np.intp]:
    """An easy batch: `count` different people, any."""
    return rng.choice(len(people.rows), size=count, replace=False)


def neighbours(
    people: People, centres: NDArray[np.float32], *, count: int, reach: int, rng: Rng
) -> NDArray[np.intp]:
    """A hard batch: people from the neighbourhood of one centre drawn at random.

    Args:
        people: to choose from.
        centres: float32 [clusters, D].
        count: people in the batch.
        reach: they are drawn from the reach * count nearest; 1 takes the very nearest, which
            taught small batches to tell look-alikes at the cost of everybody else.
        rng: source of all randomness.
    """
    centre = centres[rng.integers(len(centres))]
    distance = np.square(people.means - centre).sum(axis=1)
    nearest = np.argsort(distance, kind="stable")[: count * reach]
    return rng.choice(nearest, size=count, replace=False).astype(np.intp)


def draw_images(
    people: People, chosen: NDArray[np.intp], *, each: int, rng: Rng
) -> NDArray[np.intp]:
    """Draws `each` rows of every chosen person: int [len(chosen) * each], person by person.

    Different rows while there are enough; a person with fewer photographs repeats some (the
    augmentation makes them differ).
    """
    drawn = []
    for person in chosen:
        own = people.rows[person]
        drawn.append(rng.choice(own, size=each, replace=len(own) < each))
    return np.concatenate(drawn)
