"""A model from an ONNX file: read, imported, calibrated on samples."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.architecture_rules import name_faults
from codegen.calibration.choose import Options, Report, Samples, calibrate
from codegen.cli.common import counted, progress, talk
from codegen.cli.quantisation import still_remarks
from codegen.cli.samples import made_up_samples, needs, read_samples
from codegen.cli.subject import Subject, SubjectOrder
from codegen.errors import HvError
from codegen.importing.importer import ImportedNet, import_graph
from codegen.importing.reading import read_model
from codegen.nets import FloatNet, QuantNet, float_forward
from codegen.ops.base import Shape
from codegen.quantise import layers_that_ask_a_range, quantise

MOST_SAMPLES = 128  # more add time, not knowledge; evenly spread ones are taken
MOST_NAMED = 5  # tensors in an error
PLAINEST = Options(observer="minmax", equalise=False, bias_correction=False)
_SHAPE = re.compile(r"([^=]+)=(\d+(?:,\d+)*)")


@dataclass(frozen=True, kw_only=True)
class Model:
    """An imported model.

    Attributes:
        file: the ONNX file.
        imported: the network before calibration, inputs and outputs in the model's terms.
        report: how it was calibrated; None where the file has scales for everything.
        samples: those given, float32 by the model's input names, or None; where calibration
            read them, the at most `MOST_SAMPLES` that it read.
        pixels: what the model expects of a picture.
    """

    file: Path
    imported: ImportedNet
    report: Report | None
    samples: Mapping[str, np.ndarray] | None
    pixels: str

    @property
    def sample_count(self) -> int:
        """How many samples there are."""
        return 0 if self.samples is None else _count(self.samples)


def load_model(order: SubjectOrder, *, make_up: bool = False) -> Subject:
    """Reads, imports, calibrates and quantises a model.

    Args:
        order: what was asked for.
        make_up: whether a model that needs samples and has none is quantised on made-up ones:
            its answers mean nothing then, its costs are the same.

    Raises:
        HvError: the file, an operator, the samples, or what quantisation proves.
    """
    if order.onnx is None:
        raise TypeError("a model needs a file")
    graph = read_model(order.onnx, _shapes(order.input_shapes))
    imported = import_graph(graph, _name(order.name))
    for remark in imported.remarks:
        talk(remark)
    missing = _without_quantity(imported.net)
    samples = None
    if order.calibration is not None:
        samples = read_samples(order.calibration, imported.inputs, order.pixels)
        samples = _fewer(samples) if missing else samples
    report = None
    if not missing:
        net = imported.net
        quantised = quantise(net)
    elif samples is None and make_up:
        net, quantised, report = _calibrated(imported, made_up_samples(imported.inputs), PLAINEST)
    elif samples is None:
        raise _needs_samples(order.onnx, imported, missing)
    else:
        net, quantised, report = _calibrated(imported, samples, _options(order))
    model = Model(
        file=order.onnx, imported=imported, report=report, samples=samples, pixels=order.pixels
    )
    return Subject(name=net.arch.name, float_net=net, quant_net=quantised, model=model)


def run_real(
    net: FloatNet, imported: ImportedNet, samples: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Every input and layer of the real-valued network, float32 [N, *shape] by name.

    Args:
        net: real-valued; `imported.net`, perhaps calibrated.
        imported: says what the model's names are in the house.
        samples: by the model's input names.
    """
    import torch

    tensors = {name: torch.from_numpy(np.asarray(v, np.float32)) for name, v in net.tensors.items()}
    inputs = {
        tensor.name: torch.from_numpy(
            np.ascontiguousarray(tensor.to_house(samples[tensor.model_name]), np.float32)
        )
        for tensor in imported.inputs
    }
    with torch.no_grad():
        outputs = float_forward(net.arch, tensors, inputs, net.quantities)
    return {name: values.numpy() for name, values in {**inputs, **outputs}.items()}


def house_integers(
    net: QuantNet, imported: ImportedNet, samples: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Samples as the integer network reads them, int8 [N, *shape] by the house's input names."""
    return {
        tensor.name: net.input_quantities[tensor.name].integers(
            tensor.to_house(samples[tensor.model_name])
        )
        for tensor in imported.inputs
    }


def _options(order: SubjectOrder) -> Options:
    return Options(
        observer=order.observer,
        equalise=order.equalise,
        bias_correction=order.bias_correction,
    )


def _calibrated(
    imported: ImportedNet, samples: Mapping[str, np.ndarray], options: Options
) -> tuple[FloatNet, QuantNet, Report]:
    runs = Samples(
        run_real=lambda net: run_real(net, imported, samples),
        inputs=lambda net: house_integers(net, imported, samples),
    )
    label = f"calibrating on {counted(_count(samples), 'sample')}"
    found = calibrate(
        imported.net,
        runs,
        options,
        imported.net.arch.outputs,
        watched=lambda recipes: progress(recipes, label),
    )
    for remark in still_remarks(found.report):
        talk(remark)
    return found.net, found.quantised, found.report


def _without_quantity(net: FloatNet) -> list[str]:
    """Inputs and layers whose scale must come from samples."""
    names = [*net.arch.input_names, *(layer.name for layer in net.arch.layers)]
    given = [name for name in net.arch.input_names if name not in net.quantities]
    rough = dataclasses.replace(net, ranges=dict.fromkeys(names, (-1.0, 1.0)))
    return [*given, *layers_that_ask_a_range(rough)]


def _needs_samples(file: Path, imported: ImportedNet, missing: list[str]) -> HvError:
    own = len(imported.net.quantities)
    named = ", ".join(missing[:MOST_NAMED])
    others = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    what = (
        f"the model has scales of its own for some tensors, but not for {named}{others}"
        if own
        else "the model is in real numbers, and quantising it needs samples of its inputs"
    )
    return HvError(what, where=str(file), hint=f"--calibration: {needs(imported.inputs)}")


def _fewer(samples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    count = _count(samples)
    if count <= MOST_SAMPLES:
        return dict(samples)
    talk(f"calibrating on {MOST_SAMPLES} of the {count} samples, evenly spread")
    chosen = np.linspace(0, count - 1, MOST_SAMPLES).astype(int)
    return {name: values[chosen] for name, values in samples.items()}


def _count(samples: Mapping[str, np.ndarray]) -> int:
    return len(next(iter(samples.values())))


def _name(text: str | None) -> str | None:
    """The name asked for, in small letters and with dashes, or an error."""
    if text is None:
        return None
    name = text.lower().replace("_", "-")
    for fault in name_faults(name):
        raise HvError(fault.what, where="--name", hint=fault.hint)
    return name


def _shapes(texts: tuple[str, ...]) -> dict[str, Shape]:
    shapes = {}
    for text in texts:
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise HvError(
                f"{text!r} is no input shape", where="--input-shape", hint="e.g. input=1,3,96,96"
            )
        shapes[match[1]] = tuple(int(size) for size in match[2].split(","))
    return shapes
