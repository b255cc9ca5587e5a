"""What several enrolment photographs, and several streamed ones, are worth.

Pair protocols have one photograph on either side. Here every person with enough photographs is
enrolled with k of them; the others are streamed, one by one or as frames whose features are added
up (codegen/frames.py), and everybody else's photographs are the impostors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codegen.enrolment_gate import real_scores
from codegen.errors import HvError
from codegen.frames import window_verdicts
from codegen.nets import FloatNet, QuantNet
from codegen.quantise import quantise
from hypernet.checkpoint import Checkpoint
from hypernet.data import NOT_FOUND, FaceTable
from hypernet.enrol import network_for
from hypernet.evaluation import Rows, Scores, equal_error_rate, roc_auc, threshold_at
from hypernet.scores import integer_outputs
from hypernet.verifier import is_normalised

IMPOSTOR_WINDOWS = 4
"""Windows of frames drawn of each impostor for each verifier; single frames are all used."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """How people are enrolled and streamed.

    Attributes:
        photos: that enrol, averaged (`hypernet.enrol.network_for`).
        frames: added up for one verdict.
        at_least: photographs a person must have; the same for every order that is compared.
        repeats: draws of the enrolling photographs for each person.
        seed: of the draws.
    """

    photos: int = 3
    frames: int = 1
    at_least: int = 5
    repeats: int = 3
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Several:
    """What was measured, on all people together. Rates are fractions of 1.

    Attributes:
        photos: that enrolled.
        frames: of each verdict.
        people: who had enough photographs.
        genuine: verdicts on the enrolled person.
        impostor: verdicts on others.
        auc: area under the ROC curve.
        eer: equal error rate.
        true_accept_rate: at a false-accept rate of 1 %.
        false_accept_rate: at the checkpoint's own threshold.
        false_reject_rate: at the checkpoint's own threshold.
    """

    photos: int
    frames: int
    people: int
    genuine: int
    impostor: int
    auc: float
    eer: float
    true_accept_rate: float
    false_accept_rate: float
    false_reject_rate: float


def several_photographs(
    table: FaceTable, checkpoint: Checkpoint, orders: Sequence[Order]
) -> tuple[Several, ...]:
    """Measures each order with the integer network's own reference.

    Args:
        table: photographs of the people measured, such as those of fold 9.
        checkpoint: the hypernetwork.
        orders: what to measure.

    Returns:
        One result for each order.

    Raises:
        HvError: fewer than two people have enough photographs, or an order needs more of them
            than it asks people to have.
    """
    generator = checkpoint.build().double()
    crops = table.crops(checkpoint.architecture.image.shape)

    def net(rows: Rows) -> FloatNet:
        return network_for(table.embeddings[rows], crops[rows], checkpoint, generator=generator)

    outputs = integer_outputs(table, quantise(net(np.array([0]))))
    return tuple(_measured(table, checkpoint, order, net, outputs) for order in orders)


def _measured(
    table: FaceTable,
    checkpoint: Checkpoint,
    order: Order,
    net: Callable[[Rows], FloatNet],
    outputs: Callable[[QuantNet, Rows], dict[str, NDArray[np.integer]]],
) -> Several:
    found = _by_person(table)
    measured = [person for person, rows in found.items() if len(rows) >= order.at_least]
    _check(order, len(measured))
    scores, kinds = [], []
    for number, person in enumerate(measured):
        for repeat in range(order.repeats):
            rng = np.random.default_rng([order.seed, number, repeat])
            drawn = rng.permutation(found[person])
            real = net(drawn[: order.photos])
            windows = _windows(drawn[order.photos :], order.frames, rng, most=None)
            genuine = len(windows)
            for other, rows in found.items():
                if other != person and len(rows) >= order.frames:
                    most = None if order.frames == 1 else IMPOSTOR_WINDOWS
                    windows += _windows(rows, order.frames, rng, most=most)
            scores.append(_scores(checkpoint, real, outputs, np.array(windows)))
            kinds.append(np.arange(len(windows)) < genuine)
    every, same = np.concatenate(scores), np.concatenate(kinds)
    accepted = every >= checkpoint.threshold
    strict = threshold_at(every, same, false_accept_rate=0.01)
    return Several(
        photos=order.photos,
        frames=order.frames,
        people=len(measured),
        genuine=int(same.sum()),
        impostor=int((~same).sum()),
        auc=roc_auc(every, same),
        eer=equal_error_rate(every, same),
        true_accept_rate=float(np.mean(every[same] >= strict)),
        false_accept_rate=float(np.mean(accepted[~same])),
        false_reject_rate=float(np.mean(~accepted[same])),
    )


def _scores(
    checkpoint: Checkpoint,
    real: FloatNet,
    outputs: Callable[[QuantNet, Rows], dict[str, NDArray[np.integer]]],
    windows: Rows,
) -> Scores:
    """One person's scores of windows, int [W, frames] of rows, as `threshold` is meant."""
    quant = quantise(real)
    count, frames = windows.shape
    verdicts = window_verdicts(quant, outputs(quant, windows.reshape(-1)), frames)
    whole = verdicts.reshape(count, frames, -1)[:, -1]  # those that end a window
    scores = real_scores(quant, whole)
    if not is_normalised(quant.arch):
        scores = scores / frames
    return checkpoint.comparable(scores, real.tensors)


def _by_person(table: FaceTable) -> dict[str, Rows]:
    """The rows of every person, of the photographs in which a face was found."""
    found = np.flatnonzero(table.found != NOT_FOUND)
    people = table.people[found]
    return {str(person): found[people == person] for person in np.unique(people)}


def _windows(rows: Rows, frames: int, rng: np.random.Generator, *, most: int | None) -> list[Rows]:
    """Every photograph alone; or as many windows of different photographs, at most `most`."""
    if frames == 1:
        return [rows[row : row + 1] for row in range(len(rows))]
    count = len(rows) if most is None else min(most, len(rows))
    return [rng.choice(rows, frames, replace=False) for _ in range(count)]


def _check(order: Order, people: int) -> None:
    if order.photos + order.frames > order.at_least:
        raise HvError(
            f"{order.photos} photographs to enrol and {order.frames} to stream are more than the "
            f"{order.at_least} that people are asked to have"
        )
    if people < 2:
        raise HvError(
            f"{people} people have {order.at_least} photographs with a face, 2 are needed",
            hint="ask for fewer photographs, or take more people",
        )
