"""K-means Centered Sampling: batches are neighbourhoods."""

from __future__ import annotations

import numpy as np
import pytest

from hypernet.training.kcs import (
    People,
    cluster_centres,
    draw_images,
    group_people,
    neighbours,
    random_people,
)

pytest.importorskip("sklearn", reason="scikit-learn is not installed (pip install scikit-learn)")


@pytest.fixture
def people() -> People:
    """Four knots of five people, three photographs each."""
    rng = np.random.default_rng(0)
    knots = np.eye(4, 6)
    means = np.repeat(knots, 5, axis=0) + rng.normal(0, 0.05, (20, 6))
    numbers = np.tile(np.arange(20), 3)
    embeddings = means[numbers] + rng.normal(0, 0.02, (60, 6))
    return group_people(numbers, embeddings.astype(np.float32))


def test_people_keep_their_rows(people: People) -> None:
    assert [sorted(rows.tolist()) for rows in people.rows] == [
        [i, i + 20, i + 40] for i in range(20)
    ]
    np.testing.assert_allclose(np.linalg.norm(people.means, axis=1), 1, rtol=1e-5)


def test_a_hard_batch_is_one_knot(people: People) -> None:
    centres = cluster_centres(people, clusters=4, seed=0)
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(20):
        chosen = neighbours(people, centres, count=5, reach=1, rng=rng)
        knots = set((chosen // 5).tolist())
        assert len(knots) == 1
        assert len(set(chosen.tolist())) == 5
        seen |= knots
    assert seen == {0, 1, 2, 3}


def test_reach_widens_the_neighbourhood(people: People) -> None:
    centres = cluster_centres(people, clusters=4, seed=0)
    rng = np.random.default_rng(4)
    chosen = neighbours(people, centres, count=5, reach=4, rng=rng)
    assert len(set(chosen.tolist())) == 5
    assert len(set((chosen // 5).tolist())) > 1


def test_hard_batches_are_closer_than_random_ones(people: People) -> None:
    centres = cluster_centres(people, clusters=4, seed=0)
    rng = np.random.default_rng(2)

    def spread(chosen: np.ndarray) -> float:
        return float(np.var(people.means[chosen], axis=0).sum())

    hard = np.mean(
        [spread(neighbours(people, centres, count=5, reach=1, rng=rng)) for _ in range(10)]
    )
    easy = np.mean([spread(random_people(people, count=5, rng=rng)) for _ in range(10)])
    assert hard < easy / 5


def test_images_are_drawn_person_by_person_and_repeat_only_where_they_must(
    people: People,
) -> None:
    rng = np.random.default_rng(3)
    drawn = draw_images(people, np.array([4, 7]), each=3, rng=rng)
    assert sorted(drawn[:3].tolist()) == [4, 24, 44]
    assert sorted(drawn[3:].tolist()) == [7, 27, 47]
    repeated = draw_images(people, np.array([4]), each=5, rng=rng)
    assert len(repeated) == 5
    assert set(repeated.tolist()) <= {4, 24, 44}


def test_the_same_seed_gives_the_same_centres(people: People) -> None:
    one, two = (cluster_centres(people, clusters=4, seed=9) for _ in range(2))
    np.testing.assert_array_equal(one, two)
