"""The seven networks, each trained for a few seconds on its signals, and their export."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tests.importing.zoo import losses, networks, signals

EXAMPLES = 480
BATCH = 32
WHOLE_STEPS = 20  # the last ones of a training on parts of pictures
LEARNING_RATE = 1e-2
CALIBRATION_SAMPLES, HELD_OUT_SAMPLES = 60, 120
SEED_OF_TRAINING, SEED_OF_CALIBRATION, SEED_OF_TEST = 1, 2, 3


@dataclass(frozen=True, kw_only=True)
class Source:
    """A network and what it is fed.

    Attributes:
        name: of the file.
        make: the untrained module.
        signals: samples and what the network should answer, from a generator and a count.
        loss: of answers given and wanted.
        steps: of training.
        crop: size of the parts of pictures that most steps see; None: whole samples.
    """

    name: str
    make: Callable[[], nn.Module]
    signals: Callable[[torch.Generator, int], signals.Made]
    loss: Callable[[Tensor, Tensor], Tensor]
    steps: int
    crop: int | None = None

    def samples(self, seed: int, count: int) -> np.ndarray:
        """float32 [N, *shape of one sample]."""
        return self.signals(torch.Generator().manual_seed(seed), count)[0].numpy()

    @functools.cache  # noqa: B019 - sources live as long as the process
    def module(self) -> nn.Module:
        """The trained network in inference form; the same every time."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the order of additions must not depend on the machine
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED_OF_TRAINING)
                return _trained(self)
        finally:
            torch.set_num_threads(threads)


SOURCES: tuple[Source, ...] = (
    Source(
        name="resnet8",
        make=networks.ResNet8,
        signals=partial(signals.pictures, size=32, kinds=10),
        loss=losses.of_kinds,
        steps=60,
    ),
    Source(
        name="dscnn",
        make=networks.DsCnn,
        signals=partial(signals.words, kinds=12),
        loss=losses.of_kinds,
        steps=60,
    ),
    Source(
        name="mobilenet",
        make=networks.MobileNet,
        signals=partial(signals.pictures, size=96, kinds=2),
        loss=losses.of_kinds,
        steps=150,
        crop=48,
    ),
    Source(
        name="autoencoder",
        make=networks.Autoencoder,
        signals=signals.machines,
        loss=losses.of_reals,
        steps=200,
    ),
    Source(
        name="unet",
        make=networks.UNet,
        signals=partial(signals.spots, size=48),
        loss=losses.of_masks,
        steps=50,
    ),
    Source(
        name="motion",
        make=networks.MotionNet,
        signals=partial(signals.motions, kinds=5),
        loss=losses.of_kinds,
        steps=200,
    ),
    Source(
        name="facenet",
        make=networks.FaceNet,
        signals=partial(signals.faces, size=64, kinds=8),
        loss=losses.of_embeddings,
        steps=60,
    ),
)


def find_source(name: str) -> Source:
    """The source of that name."""
    return next(source for source in SOURCES if source.name == name)


def export(module: nn.Module, sample: np.ndarray, path: Path, *, dynamo: bool) -> None:
    """Writes a model as torch.onnx does: by torch.export, or by TorchScript.

    Args:
        module: in inference form, with one input.
        sample: [*shape of one sample].
        path: the file to write.
        dynamo: which exporter.
    """
    with _silence():
        torch.onnx.export(
            module,
            (torch.from_numpy(sample[np.newaxis]),),
            str(path),
            dynamo=dynamo,
            verbose=False,
            input_names=["x"],
            output_names=["y"],
            external_data=False,
        )


def _trained(source: Source) -> nn.Module:
    net = source.make()
    inputs, answers = source.signals(torch.Generator().manual_seed(SEED_OF_TRAINING), EXAMPLES)
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, source.steps)
    net.train()
    for step in range(source.steps):
        chosen = torch.randint(0, EXAMPLES, (BATCH,))
        given = inputs[chosen]
        if source.crop is not None and step < source.steps - WHOLE_STEPS:
            given = _cropped(given, source.crop)
        optimiser.zero_grad()
        source.loss(net(given), answers[chosen]).backward()
        optimiser.step()
        schedule.step()
    _take_statistics(net, inputs[: EXAMPLES // 2])
    return net.eval()


def _cropped(pictures: Tensor, size: int) -> Tensor:
    top, left = (int(v) for v in torch.randint(0, pictures.shape[-1] - size + 1, (2,)))
    return pictures[:, :, top : top + size, left : left + size]


def _take_statistics(net: nn.Module, inputs: Tensor) -> None:
    """Means and variances of the normalisations, from the final weights, all in one pass."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = None  # a plain average
            module.reset_running_stats()
    with torch.no_grad():
        net(inputs)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The exporters talk and warn about themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
