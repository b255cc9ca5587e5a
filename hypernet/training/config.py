"""A training's config: everything that decides its result, beside the data, in one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from codegen.errors import GateBreach, HvError
from hypernet.training.augment import Augmentation
from hypernet.training.objectives import StageSettings, stage_settings
from hypernet.training.settings import Reader, number

SHIPPED = Path(__file__).parents[1] / "configs"

_FREE_KEYS = ("images", "terms", "limits", "threads", "device", "save_every")
"""They may change between an interruption and its continuation. Threads and device change how
sums are rounded: then the result is as good, but not the same bits."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that decides a training's result, beside the data.

    Attributes:
        name: of the checkpoint.
        architecture: of f; a shipped one's name or a file.
        stages: the schedule of objectives, one after the other; each has the keys of its own
            objective (hypernet/training/objectives).
        seed: of all randomness; the same config, data and machine give the same weights.
        start: "random", or the checkpoint that the first stage begins from, by name or file.
        images: folder with the photographs; `--images` of the command line comes first.
        terms: under which the photographs, and so the weights, may be used: for the card.
        limits: what the checkpoint is not good for: for the card.
        train_folds: whose people are learnt from.
        composites: faces put together from two of these people's, which distillation learns from
            too (hypernet/data/composites.py).
        watch_folds: whose pairs the curve is measured on; never learnt from.
        false_accept_rate: at which the threshold is chosen, on pairs of train_folds.
        normalise: whiten the last layer and give every person a threshold of their own
            (hypernet/cohort.py), where everybody shares the body.
        shrinkage: of the last layer's discriminant (hypernet/discriminant.py): the smaller, the
            more the covariance within people decides.
        own_view: how much the body's own view of the enrolment photograph moves a score, as a share
            of what the encoder's does (hypernet/discriminant.py); 0 leaves it out.
        augmentation: how training images are changed.
        precision: of the forward pass; the weights stay float32.
        device: "auto" takes a GPU where there is one.
        threads: CPU threads of PyTorch.
        watch_every: steps between two points of the curve.
        save_every: steps between two saved states.
    """

    name: str
    architecture: str
    stages: tuple[StageSettings, ...]
    seed: int = number(0, least=0, most=2**32 - 1)
    start: str = "random"
    images: str | None = None
    terms: str = ""
    limits: str = ""
    train_folds: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    composites: int = number(0, least=0, most=10_000_000)
    watch_folds: tuple[int, ...] = (9,)
    false_accept_rate: float = number(0.01, least=1e-6, most=0.5)
    normalise: bool = True
    shrinkage: float = number(30.0, least=0.01, most=1e6)
    own_view: float = number(0.35, least=0, most=10)
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = number(1, least=1, most=256)
    watch_every: int = number(500, least=1)
    save_every: int = number(200, least=1)

    def __post_init__(self) -> None:
        """What concerns more than one key."""
        if set(self.train_folds) & set(self.watch_folds):
            raise ValueError("a fold is both in train_folds and in watch_folds")
        if not self.stages:
            raise ValueError("there are no [[stages]]")
        if self.precision == "float16" and any(stage.muon for stage in self.stages):
            raise ValueError("muon needs precision float32 or bfloat16: it has no gradient scaling")

    def deciding(self) -> dict[str, Any]:
        """What a continued training must have in common with its beginning."""
        return {key: value for key, value in asdict(self).items() if key not in _FREE_KEYS}


def shipped_configs() -> list[str]:
    """Names of the configs that come with the package, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_config(name: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Reads a shipped config by name, or one's own by path.

    Args:
        name: one of `shipped_configs()`, or a TOML file.
        overrides: "key=value" with TOML's values ("seed=3", "stages.0.steps=100",
            "architecture='pq'"; a value that is no TOML is taken as text).

    Raises:
        HvError: no such file, or no TOML; GateBreach with every unknown, missing or wrong key.
    """
    path = SHIPPED / f"{name}.toml" if str(name) in shipped_configs() else Path(name)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HvError(
            f"no config {str(name)!r}",
            hint=f"one of {', '.join(shipped_configs())}, or the path of a TOML file",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HvError(f"not TOML: {error}", where=str(path)) from error
    for override in overrides:
        _override(data, override)
    return config_from(data, str(path))


def config_from(data: Mapping[str, Any], where: str) -> Config:
    """Checks parsed TOML; GateBreach names every fault."""
    reader = Reader(variants={StageSettings: stage_settings})
    config = reader.read(Config, data, where)
    if config is None:
        raise GateBreach("config", tuple(reader.faults), what_failed="faults")
    return config


def _override(data: dict[str, Any], override: str) -> None:
    """Sets one key of parsed TOML: "a.b=value", numbers as indices of lists."""
    path, equals, text = override.partition("=")
    where = f"--set {override}"
    if not equals:
        raise HvError("not key=value", where=where, hint="e.g. --set seed=3")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = path.strip().split(".")
    inside: Any = data
    try:
        for name in tables:
            inside = inside[int(name)] if isinstance(inside, list) else inside.setdefault(name, {})
        if isinstance(inside, list):
            inside[int(last)] = value
        else:
            inside[last] = value
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        hint = "a stage is given by its number, e.g. stages.0.steps=100"
        raise HvError("no such key in the config", where=where, hint=hint) from error
