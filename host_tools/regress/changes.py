"""What differs between two records of a fleet, in the words of a person who has to decide on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from host_tools.regress.record import Fleet, UserRecord

# What is compared of each user, in the order it is told.
ASPECTS = ("weights", "bits", "decisions", "instructions", "cycles", "ram", "flash")
UNITS = {"instructions": "instructions", "cycles": "cycles", "ram": "bytes", "flash": "bytes"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that changed.

    Attributes:
        user: whose.
        aspect: one of ASPECTS, or "user" for one that came or went.
        text: what was before, and what is now.
    """

    user: str
    aspect: str
    text: str


def find_changes(before: Fleet, now: Fleet) -> tuple[Change, ...]:
    """Returns every change, user by user."""
    changes: list[Change] = []
    for user in sorted({*before.users, *now.users}):
        old, new = before.users.get(user), now.users.get(user)
        if old is None or new is None:
            text = "is not in the record" if old is None else "is no longer there"
            changes.append(Change(user=user, aspect="user", text=text))
            continue
        changes += [
            Change(user=user, aspect=aspect, text=text) for aspect, text in _of_user(old, new)
        ]
    return tuple(changes)


def _of_user(old: UserRecord, new: UserRecord) -> Iterator[tuple[str, str]]:
    if old.weights != new.weights:
        yield "weights", "the user was enrolled anew: other weights, or another threshold"
    bits = _bits(old, new)
    if bits:
        yield "bits", bits
    decisions = _decisions(old, new)
    if decisions:
        yield "decisions", decisions
    for figure in UNITS:
        was, is_now = old.figures.get(figure), new.figures.get(figure)
        if was != is_now:
            yield figure, _figure(was, is_now, UNITS[figure])


def _bits(old: UserRecord, new: UserRecord) -> str:
    """Which layer first, in how many images, and how the scores moved."""
    texts = []
    if list(old.layers) != list(new.layers):
        gone = [name for name in old.layers if name not in new.layers]
        come = [name for name in new.layers if name not in old.layers]
        texts.append(f"layers gone: {_list(gone)}; new: {_list(come)}; or in another order")
    differing = {
        name: [i for i, (a, b) in enumerate(zip(old.layers[name], hashes, strict=False)) if a != b]
        for name, hashes in new.layers.items()
        if name in old.layers
    }
    changed = {name: images for name, images in differing.items() if images}
    if changed:
        first = next(iter(changed))
        images = {image for found in changed.values() for image in found}
        texts.append(
            f"from layer {first} on, in {len(images)} of {len(new.images)} images; "
            f"layers that differ: {', '.join(changed)}"
        )
    moved = [b[0] - a[0] for a, b in zip(old.verdicts, new.verdicts, strict=False) if a != b]
    if moved:
        texts.append(
            f"{len(moved)} of {len(new.verdicts)} verdicts have other numbers, the score by "
            f"{min(moved):+,} to {max(moved):+,}"
        )
    return "; ".join(texts)


def _decisions(old: UserRecord, new: UserRecord) -> str:
    turned = [
        f"{name}: {_word(a[2])} before, {_word(b[2])} now"
        for name, a, b in zip(new.images, old.verdicts, new.verdicts, strict=False)
        if a[2] != b[2]
    ]
    return "; ".join(turned)


def _figure(was: int | None, is_now: int | None, unit: str) -> str:
    if was is None or is_now is None:
        return f"{_number(was)} before, {_number(is_now)} now"
    share = f" ({(is_now - was) / was:+.2%})" if was else ""
    return f"{was:,} {unit} before, {is_now:,} now{share}"


def _number(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"


def _word(accepted: int) -> str:
    return "accepted" if accepted else "rejected"


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
