"""Whose network a verb works on: an enrolled user's, or one from an ONNX file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

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

    def load(self, *, make_up: bool = False) -> Subject:
        """Reads the user, or imports and quantises the model.

        Args:
            make_up: whether calibration samples that a model needs may be made up.

        Raises:
            click.UsageError: neither, or both.
            HvError: whatever is wrong with the store, the file or the calibration samples.
        """
        if self.user is None and self.onnx is None:
            raise click.UsageError("give --user NAME or --onnx FILE")
        if self.user is not None and self.onnx is not None:
            raise click.UsageError("give --user or --onnx, not both")
        if self.user is not None:
            from codegen.store import load_user

            return Subject.from_user(load_user(self.store, self.user))
        from codegen.cli.onnx_model import load_model

        return load_model(self, make_up=make_up)


_OPTIONS = (
    click.option("--user", metavar="NAME", help="An enrolled user."),
    click.option(
        "--onnx",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A model instead of a user: in real numbers, or in QDQ form.",
    ),
    click.option(
        "--calibration",
        type=click.Path(path_type=Path),
        metavar="NPZ|DIR",
        help="Samples of its inputs: an .npz with an array [N, ...] for each input, an .npy, or a "
        "folder of these or of pictures. A QDQ model needs none.",
    ),
    click.option(
        "--observer",
        type=click.Choice(OBSERVERS),
        default="auto",
        show_default=True,
        help="How ranges are chosen from the samples; auto measures all and keeps the best.",
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
        help="What the model expects of a picture: 0 to 1, -1 to 1, 0 to 255, or ImageNet's mean "
        "and deviation.",
    ),
    click.option(
        "--input-shape",
        "input_shapes",
        multiple=True,
        metavar="NAME=SIZES",
        help="Sizes of a model's dynamic input, such as x=1,3,96,96; may be given several times.",
    ),
    click.option(
        "--name", metavar="NAME", help="The model's name in C and of files.  [default: the file's]"
    ),
)
_FIELDS = tuple(
    field
    for field in SubjectOrder.__dataclass_fields__  # in the order of the options
)
# what says something about one kind of subject only
_OF_A_MODEL = frozenset({*_FIELDS, "samples"}) - {"user", "onnx", "store"}
_OF_A_USER = frozenset({"aligned"})


def subject_options(function: F) -> F:
    """`--user NAME`, or `--onnx FILE` and how to quantise it; the verb gets a `subject`."""

    @functools.wraps(function)
    def gathered(**options: Any) -> Any:  # noqa: ANN401 - a verb's own options and result
        _refuse_strangers(options)
        own = {field: options.pop(field) for field in _FIELDS}
        return function(subject=SubjectOrder(**own), **options)

    command: Any = gathered
    for option in reversed((*_OPTIONS, store_option)):
        command = option(command)
    result: F = command
    return result


def _refuse_strangers(options: Mapping[str, Any]) -> None:
    """Options that were typed and would say nothing about this subject are an error."""
    context = click.get_current_context()
    if (options["user"] is None) == (options["onnx"] is None):
        return  # SubjectOrder.load says so
    wrong, other = (_OF_A_MODEL, "--onnx") if options["user"] else (_OF_A_USER, "--user")
    for param in context.command.params:
        typed = context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        if typed and param.name in wrong:
            raise click.UsageError(f"{param.opts[0]} belongs to {other}")
