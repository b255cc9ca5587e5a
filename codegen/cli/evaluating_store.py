"""How well enrolled users are told from everybody else, on photographs sorted by person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen.cli import pipeline
from codegen.cli.common import table, talk
from codegen.cli.evaluation_report import measures_json, measures_table, refusals
from codegen.cli.photos import Crops, find_files, read_crops
from codegen.cli.subject import Subject
from codegen.enrolment_gate import float_scores, real_scores
from codegen.errors import HvError
from codegen.nets import Image
from codegen.store import User, list_users, load_user
from codegen.targets import HOST
from host_tools.simulator import Simulator
from hypernet.evaluation import Interval, Measures, judged, measure, wilson
from hypernet.evaluation.intervals import Figures
from hypernet.evaluation.protocol import FALSE_ACCEPT_RATES


@dataclass(frozen=True, kw_only=True)
class UserResult:
    """How one user's network did at the user's own threshold.

    Attributes:
        name: the user.
        threshold: theirs.
        genuine: photographs of the user.
        rejected: how many of them were rejected.
        impostor: photographs of others.
        accepted: how many of them were accepted.
    """

    name: str
    threshold: float
    genuine: int
    rejected: int
    impostor: int
    accepted: int


@dataclass(frozen=True, kw_only=True)
class StoreResult:
    """The result of `evaluate_store`.

    Attributes:
        users: in alphabetical order.
        pooled: scores of all users together.
        photographs: with a face.
        people: whom they show.
        skipped: photographs without a usable face.
        strangers: people who are no users: impostors only.
    """

    users: tuple[UserResult, ...]
    pooled: Measures
    photographs: int
    people: int
    skipped: tuple[str, ...]
    strangers: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scored:
    scores: np.ndarray  # float64 [N]
    accepted: np.ndarray  # bool [N]
    same: np.ndarray  # bool [N]


def evaluate_store(store: Path, folder: Path, precision: str, *, aligned: bool) -> StoreResult:
    """Streams every photograph to every user.

    Args:
        store: of enrolled users.
        folder: a folder for each person; a user's has the user's name. The photographs that
            enrolled a user must not be in it: they would flatter.
        precision: int8 runs the generated C, float the network in real numbers.
        aligned: the photographs are crops already.

    Raises:
        HvError: nobody is enrolled, no folder has a user's name, or there is one person only.
    """
    users = [load_user(store, name) for name in list_users(store)]
    if not users:
        raise HvError("nobody is enrolled", where=str(store), hint="hvcodegen enroll --help")
    files = find_files([], folder)
    images: set[Image] = {user.quant_net.arch.image for user in users}
    crops = {
        image: read_crops(files, image, aligned=aligned)
        for image in sorted(images, key=lambda image: image.shape)
    }
    first = next(iter(crops.values()))
    shown = np.array([Path(name).relative_to(folder).parts[0] for name in first.names])
    _check_people(users, shown, folder)
    scored = [_score(user, crops[user.quant_net.arch.image], shown, precision) for user in users]
    return StoreResult(
        users=tuple(_user_result(user, own) for user, own in zip(users, scored, strict=True)),
        pooled=_pooled(users, scored, shown),
        photographs=len(shown),
        people=len(set(shown.tolist())),
        skipped=tuple(name for name, _ in first.skipped),
        strangers=len(set(shown.tolist()) - {user.name for user in users}),
    )


def as_json(found: StoreResult, precision: str) -> dict[str, Any]:
    """For machines."""
    return {
        "precision": precision,
        "photographs": found.photographs,
        "people": found.people,
        "strangers": found.strangers,
        "skipped": list(found.skipped),
        **measures_json(found.pooled),
        "directions": {"enrolled": measures_json(found.pooled)},
        "users": {user.name: _user_json(user) for user in found.users},
    }


def as_lines(found: StoreResult, precision: str) -> list[str]:
    """For people."""
    rows: list[tuple[Any, ...]] = []
    for user in found.users:
        rows.append(
            (
                user.name,
                f"{user.threshold:.3f}",
                user.genuine,
                _rate(user.rejected, user.genuine),
                user.impostor,
                _rate(user.accepted, user.impostor),
            )
        )
    headings = ("user", "threshold", "own photographs", "rejected", "others'", "accepted")
    how = "the generated C" if precision == "int8" else "real numbers"
    return [
        f"{len(found.users)} enrolled, {precision}: {how}; {found.photographs} photographs of "
        f"{found.people} people, {found.strangers} of them not enrolled",
        "",
        *table(headings, rows),
        "",
        "All users' scores together, without any threshold; below each figure its 95 % interval",
        *measures_table([("all users", found.pooled)]),
        *refusals([found.pooled]),
        *([f"{len(found.skipped)} photographs without a face left out"] if found.skipped else []),
    ]


def _check_people(users: Sequence[User], shown: np.ndarray, folder: Path) -> None:
    people = set(shown.tolist())
    names = {user.name for user in users}
    if not people & names:
        raise HvError(
            "no folder has a user's name",
            where=str(folder),
            hint=f"enrolled: {', '.join(sorted(names))}; a folder for each, photographs in it",
        )
    for missing in sorted(names - people):
        talk(f"no photographs of {missing}: measured with others' only")


def _score(user: User, crops: Crops, shown: np.ndarray, precision: str) -> _Scored:
    same = shown == user.name
    if precision == "float":
        scores = float_scores(user.float_net, crops.images)
        return _Scored(scores=scores, accepted=scores >= user.float_net.threshold, same=same)
    with pipeline.emitted(Subject.from_user(user), HOST) as folder:
        verdicts = Simulator(folder).run(crops.images)
    return _Scored(
        scores=real_scores(user.quant_net, verdicts), accepted=verdicts[:, 2] == 1, same=same
    )


def _user_result(user: User, own: _Scored) -> UserResult:
    return UserResult(
        name=user.name,
        threshold=user.float_net.threshold,
        genuine=int(own.same.sum()),
        rejected=int((own.same & ~own.accepted).sum()),
        impostor=int((~own.same).sum()),
        accepted=int((~own.same & own.accepted).sum()),
    )


def _pooled(users: Sequence[User], scored: Sequence[_Scored], shown: np.ndarray) -> Measures:
    """Rows: the users, then the photographs."""
    names = np.concatenate([np.array([user.name for user in users]), shown])
    people = np.unique(names, return_inverse=True)[1].astype(np.intp)
    first = np.repeat(np.arange(len(users)), len(shown))
    second = np.tile(len(users) + np.arange(len(shown)), len(users))
    same = np.concatenate([own.same for own in scored])
    return measure(
        judged(first, second, same, people),
        [np.concatenate([own.scores for own in scored])],
        Figures(false_accept_rates=FALSE_ACCEPT_RATES, threshold=None),
        tuned=[None],
    )[0]


def _user_json(user: UserResult) -> dict[str, Any]:
    return {
        "threshold": user.threshold,
        "genuine": user.genuine,
        "rejected": user.rejected,
        "false_reject_rate": _json_rate(user.rejected, user.genuine),
        "impostor": user.impostor,
        "accepted": user.accepted,
        "false_accept_rate": _json_rate(user.accepted, user.impostor),
    }


def _json_rate(events: int, trials: int) -> dict[str, Any] | None:
    if not trials:
        return None
    interval = wilson(events, trials)
    return {"value": events / trials, "interval": [interval.low, interval.high]}


def _rate(events: int, trials: int) -> str:
    if not trials:
        return "-"
    found: Interval = wilson(events, trials)
    return f"{events / trials:.1%} ({found.low:.1%}-{found.high:.1%})"
