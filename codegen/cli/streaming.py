"""What `stream` does: images to a device one after the other; whose each is, everybody's score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen.cli.live_images import Frame
from codegen.enrolment_gate import real_scores
from codegen.nets import QuantNet
from host_tools.link.device import Device, Person

NOBODY = "nobody"
Note = Callable[..., None]  # Recorder.note, or what takes the same


@dataclass(frozen=True, kw_only=True)
class Known:
    """Somebody of the device of whom this machine knows more.

    Attributes:
        name: as enrolled here.
        net: makes scores for people of the device's integers; None when replayed.
    """

    name: str
    net: QuantNet | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one person's weights say to an image.

    Attributes:
        name: of the person, or the beginning of the pseudonymous id.
        accumulator: the integer score.
        norm_squared: of the features; 0 for a plain decision.
        score: a cosine or w.h + b; None where the person's network is not known here.
        accepted: the device's own decision.
        cycles: of the core; 0 where the board has no counter.
    """

    name: str
    accumulator: int
    norm_squared: int
    score: float | None
    accepted: bool
    cycles: int


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One image and what the device said.

    Attributes:
        image: its name.
        who: whose image it is, by the device's own choice; NOBODY.
        answers: one for each person; none if there was no image.
        sent_s: how long sending it took, in seconds.
        answered_s: how long all answers took, in seconds.
        reason: why there was no image.
    """

    image: str
    who: str = NOBODY
    answers: tuple[Answer, ...] = ()
    sent_s: float = 0.0
    answered_s: float = 0.0
    reason: str = ""


def stream(
    device: Device,
    people: Sequence[Person],
    frames: Iterable[Frame],
    known: Mapping[str, Known],
    note: Note,
) -> Iterator[Seen]:
    """Asks the device whose each image is, and everybody on it for the score.

    Args:
        device: after `hello`.
        people: those on it.
        frames: what to send.
        known: by pseudonymous id.
        note: gets the name of each image before it is sent.
    """
    now = device.link.transport.now
    for frame in frames:
        note(image=frame.name)
        if frame.image is None:
            yield Seen(image=frame.name, reason=frame.reason)
            continue
        begun = now()
        device.send_image(frame.image.tobytes())
        sent = now()
        chosen = _chosen(device, people, known)  # first: then only personal layers are left to run
        answers = tuple(_ask(device, person, known) for person in people)
        yield Seen(
            image=frame.name,
            who=chosen,
            answers=answers,
            sent_s=sent - begun,
            answered_s=now() - sent,
        )


def known_name(person: Person, known: Mapping[str, Known]) -> str:
    """The name as enrolled here, or the beginning of the pseudonymous id."""
    return known[person.user].name if person.user in known else person.user[:8]


def seen_json(seen: Seen) -> dict[str, Any]:
    """One image for machines."""
    return {
        "image": seen.image,
        "who": seen.who if seen.answers else None,
        "reason": seen.reason or None,
        "send_ms": round(1000 * seen.sent_s, 1),
        "answer_ms": round(1000 * seen.answered_s, 1),
        "answers": [vars(answer) for answer in seen.answers],
    }


def headings(width: int, names: Sequence[str]) -> str:
    """What stands above the lines; below each name are its scores."""
    scores = "".join(f"  {name[:12]:>12}" for name in names)
    return f"{'image':<{width}}  {'who':<16}{scores}  {'send ms':>8}  {'answer ms':>9}"


def seen_line(seen: Seen, width: int) -> str:
    """One image for people."""
    if seen.reason:
        return f"{seen.image:<{width}}  {'-':<16}  {seen.reason}"
    scores = "".join(f"  {_score(answer):>12}" for answer in seen.answers)
    times = f"  {1000 * seen.sent_s:>8.1f}  {1000 * seen.answered_s:>9.1f}"
    return f"{seen.image:<{width}}  {seen.who:<16}{scores}{times}"


def _score(answer: Answer) -> str:
    return f"{answer.accumulator:,}" if answer.score is None else f"{answer.score:.3f}"


def _chosen(device: Device, people: Sequence[Person], known: Mapping[str, Known]) -> str:
    number = device.who().person if people else None
    names = {person.number: known_name(person, known) for person in people}
    return NOBODY if number is None else names[number]


def _ask(device: Device, person: Person, known: Mapping[str, Known]) -> Answer:
    ran = device.run(person.number)
    verdict = ran.verdict
    score = None
    friend = known.get(person.user)
    if friend is not None and friend.net is not None:
        score = float(real_scores(friend.net, np.array([verdict], np.int32))[0])
    return Answer(
        name=known_name(person, known),
        accumulator=verdict[0],
        norm_squared=verdict[1],
        score=score,
        accepted=verdict[2] == 1,
        cycles=ran.cycles,
    )
