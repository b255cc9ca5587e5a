"""A trained hypernetwork on disk: `<name>.safetensors` and its card `<name>.json`.

The card says what a person needs to know before using it: how it was trained, on what, under
which terms, what was measured. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from codegen.errors import HvError
from codegen.nets import Architecture, FloatNet
from hypernet.cohort import Cohort
from hypernet.generators import GENERATORS, Generator, Theta
from hypernet.verifier import head_layer, is_normalised

PRETRAINED = Path(__file__).parent / "pretrained"
MAX_BYTES = 8 * 2**20
_FORMAT = 2
_READABLE = (1, 2)
"""Format 1 has no cohort."""

_COHORT = "cohort."
"""Before the names of the cohort's tensors in the file."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything that enrolment needs, and what people need to know.

    Attributes:
        name: of the files.
        architecture: of f.
        encoder: FaceEncoder.name whose embeddings h_gen was trained on.
        generator: kind of h_gen, a key of GENERATORS.
        tensors: float32, h_gen's state.
        ranges: observed output range of every layer, shared by all persons.
        threshold: score from which on a crop is accepted: a cosine or w.h + b, or with a cohort in
            deviations above the impostors' mean.
        cohort: what gives each person a threshold of their own; None: everybody has the same.
        card: free facts: training, measured, terms, limits.
    """

    name: str
    architecture: Architecture
    encoder: str
    generator: str
    tensors: Mapping[str, NDArray[np.float32]]
    ranges: Mapping[str, tuple[float, float]]
    threshold: float
    cohort: Cohort | None = None
    card: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Generator:
        """Makes h_gen.

        Raises:
            HvError: the tensors do not fit the architecture.
        """
        return _build(self)

    def float_net(self, theta: Theta) -> FloatNet:
        """Completes generated weights with what all persons share, and with a threshold."""
        tensors = {
            name: tensor.detach().to(torch.float32).numpy() for name, tensor in theta.items()
        }
        return FloatNet(
            arch=self.architecture,
            tensors=tensors,
            ranges=self.ranges,
            threshold=self._threshold_for(tensors),
        )

    def comparable(
        self, scores: NDArray[np.float64], tensors: Mapping[str, NDArray[np.float32]]
    ) -> NDArray[np.float64]:
        """One person's scores as `threshold` is meant: normalised by the cohort if there is one.

        Args:
            scores: cosines, or w.h + b.
            tensors: the person's, as `float_net` has them.
        """
        if self.cohort is None:
            return scores
        weight, bias = self._head(tensors)
        return self.cohort.normalise(scores, weight, bias)

    def _threshold_for(self, tensors: Mapping[str, NDArray[np.float32]]) -> float:
        if self.cohort is None:
            return self.threshold
        return self.cohort.threshold(self.threshold, *self._head(tensors))

    def _head(
        self, tensors: Mapping[str, NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], float]:
        name = head_layer(self.architecture).name
        return tensors[f"{name}.weight"], float(tensors[f"{name}.bias"][0])


def state_of(generator: Generator) -> dict[str, NDArray[np.float32]]:
    """h_gen's numbers, as a checkpoint keeps them."""
    return {
        name: tensor.detach().to(torch.float32).numpy().copy()
        for name, tensor in generator.state_dict().items()
    }


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> Path:
    """Writes both files, each whole or not at all, and returns the card's path.

    Raises:
        HvError: the tensors are larger than `MAX_BYTES` or not finite.
    """
    tensors = {**checkpoint.tensors, **_cohort_tensors(checkpoint.cohort)}
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise HvError("the trained weights are not finite", where=name)
    payload = save_tensors({name: tensors[name] for name in sorted(tensors)})
    if len(payload) > MAX_BYTES:
        raise HvError(f"the checkpoint has {len(payload)} bytes, at most {MAX_BYTES} are kept")
    folder.mkdir(parents=True, exist_ok=True)
    card = json.dumps(_card(checkpoint, payload), indent=1) + "\n"
    files = {"safetensors": payload, "json": card.encode()}
    partial = {ending: folder / f".{checkpoint.name}.{ending}.partial" for ending in files}
    try:
        for ending, content in files.items():
            partial[ending].write_bytes(content)
        for ending in files:
            partial[ending].replace(folder / f"{checkpoint.name}.{ending}")
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)
    return folder / f"{checkpoint.name}.json"


def load_checkpoint(name: str | Path) -> Checkpoint:
    """Reads a shipped checkpoint by name, or one's own by the path of either file.

    Raises:
        HvError: not there, damaged, of another format, or the two files do not belong together.
    """
    stem = _stem(name)
    try:
        card = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
        payload = stem.with_suffix(".safetensors").read_bytes()
    except OSError as error:
        raise HvError(
            f"no checkpoint {str(name)!r}",
            where=str(stem),
            hint=f"one of {', '.join(shipped()) or 'none shipped'}, or the path of one",
        ) from error
    except ValueError as error:
        raise HvError(f"the card is no JSON: {error}", where=str(stem)) from error
    return _parse(stem, card, payload)


def checkpoint_folder(name: str | Path) -> Path:
    """Where a checkpoint lies, by the name that `load_checkpoint` takes."""
    return _stem(name).parent


def shipped() -> list[str]:
    """Names of the checkpoints that come with the program, sorted."""
    return sorted(path.stem for path in PRETRAINED.glob("*.safetensors"))


def _stem(name: str | Path) -> Path:
    if str(name) in shipped():
        return PRETRAINED / str(name)
    path = Path(name)
    return path.with_suffix("") if path.suffix in (".json", ".safetensors") else path


def _card(checkpoint: Checkpoint, payload: bytes) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "name": checkpoint.name,
        "encoder": checkpoint.encoder,
        "generator": checkpoint.generator,
        "sha256": hashlib.sha256(payload).hexdigest(),
        "threshold": checkpoint.threshold,
        **checkpoint.card,
        "ranges": {name: list(limits) for name, limits in checkpoint.ranges.items()},
        "architecture": checkpoint.architecture.to_json(),
    }


_OWN_KEYS = frozenset(
    ("format", "name", "encoder", "generator", "sha256", "threshold", "ranges", "architecture")
)


def _parse(stem: Path, card: dict[str, Any], payload: bytes) -> Checkpoint:
    try:
        if card["format"] not in _READABLE:
            raise HvError(f"a checkpoint of format {card['format']}", where=str(stem))
        if hashlib.sha256(payload).hexdigest() != card["sha256"]:
            raise HvError(
                "the card and the weights do not belong together, or one is damaged",
                where=str(stem),
                hint="take both files from the same training run",
            )
        tensors = load_tensors(payload)
        architecture = Architecture.from_json(card["architecture"])
        checkpoint = Checkpoint(
            name=card["name"],
            architecture=architecture,
            encoder=card["encoder"],
            generator=card["generator"],
            tensors={
                name: values for name, values in tensors.items() if not name.startswith(_COHORT)
            },
            ranges={name: (lo, hi) for name, (lo, hi) in card["ranges"].items()},
            threshold=float(card["threshold"]),
            cohort=_cohort_from(tensors, architecture),
            card={name: value for name, value in card.items() if name not in _OWN_KEYS},
        )
        checkpoint.build()
    except HvError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, SafetensorError) as error:
        raise HvError(f"the checkpoint is damaged: {error!r}", where=str(stem)) from error
    return checkpoint


def _cohort_tensors(cohort: Cohort | None) -> dict[str, NDArray[np.float32]]:
    if cohort is None:
        return {}
    return {f"{_COHORT}mean": cohort.mean, f"{_COHORT}spread": cohort.spread}


def _cohort_from(
    tensors: Mapping[str, NDArray[np.float32]], architecture: Architecture
) -> Cohort | None:
    if f"{_COHORT}mean" not in tensors:
        return None
    mean, spread = tensors[f"{_COHORT}mean"], tensors[f"{_COHORT}spread"]
    features = math.prod(architecture.input_shapes(head_layer(architecture))[0])
    if mean.shape != (features,) or spread.shape[1:] != (features,):
        raise HvError(
            f"cohort of shapes {mean.shape} and {spread.shape}, for {features} features",
            where=architecture.name,
        )
    return Cohort(mean=mean, spread=spread, normalised=is_normalised(architecture))


def _build(checkpoint: Checkpoint) -> Generator:
    kind = GENERATORS.get(checkpoint.generator)
    if kind is None:
        raise HvError(
            f"unknown generator {checkpoint.generator!r}",
            where=checkpoint.name,
            hint=f"one of {', '.join(sorted(GENERATORS))}",
        )
    tensors = {name: torch.from_numpy(values) for name, values in checkpoint.tensors.items()}
    try:
        generator = kind.from_state(checkpoint.architecture, tensors)
        _check_shapes(generator)
    except (KeyError, RuntimeError) as error:
        raise HvError(f"the checkpoint's tensors do not fit: {error}") from error
    return generator.eval()


def _check_shapes(generator: Generator) -> None:
    with torch.no_grad():
        theta = generator(torch.zeros_like(generator.mean))
    for name, shape in generator.architecture.float_tensor_shapes().items():
        if tuple(theta[name].shape) != shape:
            raise HvError(f"shape {tuple(theta[name].shape)}, expected {shape}", where=name)
