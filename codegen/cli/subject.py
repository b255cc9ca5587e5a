"""Whose network a verb works on: an enrolled user's, or one from an ONNX file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from codegen.cli.common import store_option

if TYPE_CHECKING:
    from codegen.cli.onnx_model import Model
    from codegen.nets import FloatNet, QuantNet
    from codegen.store import User

F = TypeVar("F", bound=Callable[..., Any])

OBSERVERS = ("auto", "minmax", "percentile", "mse")
PIXELS = ("unit", "signed", "byte", "imagenet")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network and where it is from; one of `user` and `model` is None.

    Attributes:
        name: the user's or the model's, also of folders and files.
        float_net: in real numbers.
        quant_net: in integers.
        user: the enrolled person.
        model: the ONNX model and how it was calibrated.
    """

    name: str
    float_net: FloatNet
    quant_net: QuantNet
    user: User | None = None
    model: Model | None = None

    @classmethod
    def from_user(cls, user: User) -> Subject:
        """An enrolled person's verifier."""
        return cls(name=user.name, float_net=user.float_net, quant_net=user.quant_net, user=user)


@dataclass(frozen=True, kw_only=True)
class SubjectOrder:
    """What was asked for on the command line; see the options below for the meanings."""

    user: str | None
    onnx: Path | None
    calibration: Path | None
    observer: str
    equalise: bool
    bias_correction: bool
    pixels: str
    input_shapes: tuple[str, ...]
    name: str | None
    store: Path

    def load(self) -> Subject:
        """Reads the user, or imports and quantises the model.

        Raises:
            click.UsageError: neither, or both.
            HvError: whatever is wrong with the store, the file or the calibration samples.
        """
        if (self.user is None) == (self.onnx is None):
            raise click.UsageError("give --user NAME or --onnx FILE")
        if self.user is not None:
            from codegen.store import load_user

            if self.calibration is not None:
                raise click.UsageError("--calibration belongs to --onnx")
            return Subject.from_user(load_user(self.store, self.user))
        from codegen.cli.onnx_model import load_model

        return load_model(self)


_OPTIONS = (
    click.option("--user", metavar="NAME", help="An enrolled user."),
    click.option(
        "--onnx",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A float or QDQ model instead of a user.",
    ),
    click.option(
        "--calibration",
        type=click.Path(path_type=Path),
        metavar="NPZ|DIR",
        help="Samples that a float model is quantised with: an .npz with one array for each "
        "input, an .npy, or a folder of these or of pictures.",
    ),
    click.option(
        "--observer",
        type=click.Choice(OBSERVERS),
        default="auto",
        show_default=True,
        help="How ranges are chosen from the samples; auto measures all and takes minmax unless "
        "another is clearly better.",
    ),
    click.option(
        "--equalise/--no-equalise",
        default=True,
        show_default=True,
        help="Try cross-layer equalisation; kept where it measures better.",
    ),
    click.option(
        "--bias-correction/--no-bias-correction",
        default=True,
        show_default=True,
        help="Try bias correction; kept where it measures better.",
    ),
    click.option(
        "--pixels",
        type=click.Choice(PIXELS),
        default="unit",
        show_default=True,
        help="What a model expects of a picture: 0 to 1, -1 to 1, 0 to 255, or ImageNet's mean "
        "and deviation.",
    ),
    click.option(
        "--input-shape",
        "input_shapes",
        multiple=True,
        metavar="NAME=1,3,96,96",
        help="Size of a model's dynamic input; may be given several times.",
    ),
    click.option("--name", metavar="NAME", help="A model's name in C.  [default: the file's]"),
)
_FIELDS = tuple(
    field
    for field in SubjectOrder.__dataclass_fields__  # in the order of the options
)


def subject_options(function: F) -> F:
    """`--user NAME`, or `--onnx FILE` and how to quantise it; the verb gets a `subject`."""

    @functools.wraps(function)
    def gathered(**options: Any) -> Any:  # noqa: ANN401 - a verb's own options and result
        own = {field: options.pop(field) for field in _FIELDS}
        return function(subject=SubjectOrder(**own), **options)

    command: Any = gathered
    for option in reversed((*_OPTIONS, store_option)):
        command = option(command)
    result: F = command
    return result
