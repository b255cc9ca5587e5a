"""Scores of photograph pairs by the generated C, for `evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from codegen import layout, reference
from codegen.emit import emit, write_emission
from codegen.enrolment_gate import real_scores
from codegen.errors import HvError
from codegen.gates import check_network
from codegen.nets import Architecture, FloatNet, QuantNet
from codegen.quantise import quantise
from codegen.schedule import schedule
from codegen.targets import HOST
from host_tools.simulator import Simulator
from hypernet.checkpoint import Checkpoint
from hypernet.data import FaceTable
from hypernet.enrol import network_for

Rows = np.ndarray
Tick = Callable[[int], None]
ScorePairs = Callable[[Rows, Rows], np.ndarray]

_CHUNK = 128  # images whose tensors are held at once


class Kernel:
    """One compiled kernel for everybody in a table, as on a device.

    Every enrolled row gets its own weights for it.
    """

    def __init__(self, checkpoint: Checkpoint, table: FaceTable, folder: Path) -> None:
        """Emits and compiles the kernel.

        Args:
            checkpoint: the hypernetwork.
            table: photographs with crops and embeddings.
            folder: where the kernel is emitted.
        """
        self.table = table
        self._checkpoint = checkpoint
        self._generator = checkpoint.build().double()
        first = schedule(self.person(0)[1], HOST)
        write_emission(emit(first, "anybody"), folder)
        self._abi = layout.abi_hash(first)
        self._anybody = Simulator(folder)

    def person(self, row: int) -> tuple[FloatNet, QuantNet]:
        """The network of the person whom a row shows, in real numbers and in integers."""
        one = slice(row, row + 1)
        real = network_for(
            self.table.embeddings[one],
            self.crops(one),
            self._checkpoint,
            generator=self._generator,
        )
        net = quantise(real)
        check_network(net)
        return real, net

    def scores(self, real: FloatNet, net: QuantNet, verdicts: np.ndarray) -> np.ndarray:
        """A person's verdicts as scores that can be compared with other people's."""
        return self._checkpoint.comparable(real_scores(net, verdicts), real.tensors)

    def simulator(self, net: QuantNet) -> Simulator:
        """The kernel with one person's weights."""
        scheduled = schedule(net, HOST)
        if layout.abi_hash(scheduled) != self._abi:
            raise HvError("two people's networks need different kernels: a constant is not shared")
        own = layout.person_layout(scheduled)
        packed = layout.pack(own, self._abi[: layout.ABI_BYTES], scheduled.stored())
        return self._anybody.of(packed)

    def crops(self, rows: Rows | slice) -> np.ndarray:
        """What the network sees of these rows: uint8 [N, H, W, C]."""
        shape = self._checkpoint.architecture.image.shape
        return np.asarray(self.table.crops(shape)[rows])


def c_scores(kernel: Kernel, tick: Tick) -> ScorePairs:
    """A scoring function over rows: the C runs once for every pair.

    `tick` is told how many pairs were scored.
    """

    def score(enrolled: Rows, streamed: Rows) -> np.ndarray:
        scores = np.empty(len(enrolled))
        for row, places in groups(enrolled):
            real, net = kernel.person(row)
            verdicts = kernel.simulator(net).run(kernel.crops(streamed[places]))
            scores[places] = kernel.scores(real, net, verdicts)
            tick(len(places))
        return scores

    return score


def shared_body_scores(kernel: Kernel, tick: Tick) -> ScorePairs:
    """The same scores where everybody shares the body: the C runs once for every photograph.

    Its own feature tensor then goes through each person's last layer and decision in the integer
    reference, which gives the bits that the C gives.

    Raises:
        HvError: more than the last layer is personal.
    """
    _, anybody = kernel.person(0)
    if not has_shared_body(anybody.arch):
        raise HvError("the body is personal: its features are not everybody's")
    features = anybody.layers[-2].inputs[0]
    known: dict[int, np.ndarray] = {}

    def learn(rows: Rows) -> None:
        new = np.array([row for row in np.unique(rows) if int(row) not in known], np.intp)
        simulator = kernel.simulator(anybody)
        for start in range(0, len(new), _CHUNK):
            chunk = new[start : start + _CHUNK]
            traced = simulator.trace(kernel.crops(chunk))[features]
            known.update(zip(chunk.tolist(), traced, strict=True))

    def score(enrolled: Rows, streamed: Rows) -> np.ndarray:
        learn(streamed)
        rows = np.unique(streamed)
        table = np.stack([known[row] for row in rows.tolist()])
        scores = np.empty(len(enrolled))
        for row, places in groups(enrolled):
            real, net = kernel.person(row)
            values = {features: table[np.searchsorted(rows, streamed[places])]}
            for layer in net.layers[-2:]:
                values[layer.name] = reference.run_layer(layer, values)
            scores[places] = kernel.scores(real, net, values[net.layers[-1].name])
            tick(len(places))
        return scores

    return score


def has_shared_body(arch: Architecture) -> bool:
    """Only the last layer and the decision are personal."""
    own = {layer.name for layer in arch.layers[-2:]}
    reads = arch.layers[-2].inputs[0]
    outside = {name for layer in arch.layers[-2:] for name in layer.inputs} - own
    return outside == {reads} and not any(
        arch.is_personal_layer(layer.name) for layer in arch.layers[:-2]
    )


def groups(enrolled: Rows) -> list[tuple[int, Rows]]:
    """Every row that enrols, with its places."""
    rows, inverse = np.unique(enrolled, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(np.bincount(inverse, minlength=len(rows)))[:-1]
    return list(zip(rows.tolist(), np.split(order, ends), strict=True))
