"""What a training needs to go on after a kill at any moment, on disk.

A state is written beside the last one and takes its place at once, so there is always a whole
one. Nothing random has a state: batches and changes follow from the seed and the step's number.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from codegen.errors import HvError

_FORMAT = 1
_UNREADABLE = (
    OSError,
    RuntimeError, ValueError, KeyError, TypeError, EOFError, AttributeError, UnpicklingError
)  # fmt: skip
Point = dict[str, float | int | str]


@dataclass(frozen=True, kw_only=True)
class Before:
    """The hypernetwork that a stage began from."""

    kind: str
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class State:
    """A training between two steps.

    Attributes:
        deciding: the config as far as it decides the result, and a digest of the data.
        stage: index of the stage, from 0.
        step: steps done in it.
        before: what the stage began from; None at the very beginning.
        module: of the task; `average`, `optimisers` and `scaler` likewise, as state dicts.
        points: of the validation curve.
        log_bytes: length of the log.
    """

    deciding: Mapping[str, Any]
    stage: int
    step: int
    before: Before | None
    module: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    optimisers: Sequence[Mapping[str, Any]]
    scaler: Mapping[str, Any]
    points: list[Point]
    log_bytes: int


def save_state(state: State, path: Path) -> None:
    """Writes a state whole or not at all, even if the machine loses its power."""
    content = {field: getattr(state, field) for field in State.__dataclass_fields__}
    content["before"] = asdict(state.before) if state.before else None
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        torch.save({"format": _FORMAT, **content}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def load_state(path: Path, deciding: Mapping[str, Any]) -> State:
    """Reads a state; nothing in it is executed.

    Args:
        path: what `save_state` wrote.
        deciding: of the training that is to go on.

    Raises:
        HvError: missing, damaged, or of another training; the keys that differ are named.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("format") != _FORMAT:
            raise HvError("the state is of another version", where=str(path))
        before = content.pop("before")
        state = State(before=Before(**before) if before else None, **content)
    except FileNotFoundError as error:
        raise HvError(
            "there is nothing to go on with", where=str(path), hint="leave --resume out"
        ) from error
    except _UNREADABLE as error:
        raise HvError(
            f"the state cannot be read: {error}", where=str(path), hint="train from the beginning"
        ) from error
    different = _differences(state.deciding, deciding)
    if different:
        raise HvError(
            f"the state is of a training with another {', '.join(different)}",
            where=str(path),
            hint="give the same config, or another --output",
        )
    return state


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    missing = object()
    keys = sorted(one.keys() | other.keys())
    return [key for key in keys if one.get(key, missing) != other.get(key, missing)]
