"""Scores of photograph pairs by the generated C, for `evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from codegen import layout
from codegen.emit import emit, write_emission
from codegen.enrolment_gate import real_scores
from codegen.errors import HvError
from codegen.gates import check_network
from codegen.nets import FloatNet, QuantNet
from codegen.quantise import quantise
from codegen.schedule import schedule
from codegen.targets import HOST
from host_tools.simulator import Simulator
from hypernet.backbone import shrink_chips
from hypernet.checkpoint import Checkpoint
from hypernet.data import FaceTable
from hypernet.enrol import network_for

Rows = np.ndarray


def c_scores(
    checkpoint: Checkpoint, table: FaceTable, folder: Path, tick: Callable[[int], None]
) -> Callable[[Rows, Rows], np.ndarray]:
    """A scoring function over rows of a table: the first row enrols, the second is streamed.

    Every enrolled row gets its own weights; one compiled kernel serves all of them, as on a
    device.

    Args:
        checkpoint: the hypernetwork.
        table: photographs with crops and embeddings.
        folder: where the kernel is emitted.
        tick: told how many pairs were scored.
    """
    generator = checkpoint.build().double()

    def network(row: int) -> tuple[FloatNet, QuantNet]:
        embedding = table.embeddings[row : row + 1]
        real = network_for(embedding, checkpoint, generator=generator)
        net = quantise(real)
        check_network(net)
        return real, net

    _, first = network(0)
    write_emission(emit(schedule(first, HOST), "anybody"), folder)
    abi = layout.abi_hash(schedule(first, HOST))

    def score(enrolled: Rows, streamed: Rows) -> np.ndarray:
        scores = np.empty(len(enrolled))
        for row in np.unique(enrolled):
            places = np.flatnonzero(enrolled == row)
            real, net = network(int(row))
            simulator = Simulator(folder, person=_person(net, abi))
            verdicts = simulator.run(shrink_chips(table.chips[streamed[places]]))
            scores[places] = checkpoint.comparable(real_scores(net, verdicts), real.tensors)
            tick(len(places))
        return scores

    return score


def _person(net: QuantNet, abi: bytes) -> bytes:
    scheduled = schedule(net, HOST)
    if layout.abi_hash(scheduled) != abi:
        raise HvError("two people's networks need different kernels: a constant is not shared")
    own = layout.person_layout(scheduled)
    return layout.pack(own, abi[: layout.ABI_BYTES], scheduled.stored())
