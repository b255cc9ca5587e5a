"""Prints what several people on one device cost: python -m tests.bench.people.

The shipped checkpoint's kernel for a Cortex-M4 and made-up people of it; one image, run for 1, 2,
10 and 50 of them by hv_<arch>_who() in Unicorn. Whose it is is compared with the reference.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np

from codegen import reference
from codegen.cli.common import DEFAULT_CHECKPOINT
from codegen.emit import emit, write_emission
from codegen.nets import QuantNet
from codegen.quantise import quantise
from codegen.schedule import schedule
from codegen.targets import find_target
from host_tools.build import FIRMWARE_FLAGS, GCC_FLAGS, GCC_LINK_FLAGS
from host_tools.manifest import load_manifest
from host_tools.processes import run_program
from host_tools.toolchain import Purpose, choose
from hypernet.checkpoint import load_checkpoint
from hypernet.enrol import network_for
from tests.bench.calls import FLASH, FREE, RAM, call
from tests.closest import closest
from tests.who_is_it import CALL, NOBODY, weights_of

TARGET = find_target("cortex-m4")
COUNTS = (1, 2, 10, 50)


def made_up_people(count: int) -> list[QuantNet]:
    """Networks of people whom nobody photographed, all with thresholds that accept some images."""
    checkpoint = load_checkpoint(DEFAULT_CHECKPOINT)
    generator = checkpoint.build().double()
    rng = np.random.default_rng(20)
    shape = checkpoint.architecture.image.shape
    people = []
    for _ in range(count):
        embedding = rng.standard_normal((1, len(checkpoint.tensors["mean"]))).astype(np.float32)
        crop = rng.integers(0, 256, (1, *shape), np.uint8)
        people.append(quantise(network_for(embedding, crop, checkpoint, generator=generator)))
    return people


def _program(folder: Path, net: QuantNet) -> Path:
    """The kernel and who_is_it.c, linked for the memories of `calls`."""
    write_emission(emit(schedule(net, TARGET), "somebody"), folder / "kernel")
    manifest = load_manifest(folder / "kernel")
    toolchain = choose(Purpose(TARGET.family))
    elf = folder / "people.elf"
    argv = (
        *toolchain.argv,
        *toolchain.target_flags(TARGET),
        *FIRMWARE_FLAGS,
        *GCC_FLAGS,
        *GCC_LINK_FLAGS,
        "-I",
        str(manifest.folder),
        f"-Wl,-Ttext={FLASH:#x},-Tdata={RAM:#x},--entry=who_is_it",
        str(CALL),
        *(str(manifest.folder / source) for source in manifest.sources),
        "-lgcc",
        "-o",
        str(elf),
    )
    done = run_program(argv, timeout_s=120, folder=folder)
    if done.exit_code:
        raise SystemExit(done.output)
    return elf


def _expected(people: list[QuantNet], image: np.ndarray) -> int:
    judged = []
    for net in people:
        decision = net.layers[-1].name
        score, _, accepted = reference.run(net, image[None])[decision][0]
        threshold = int(net.tensors()[f"{decision}.threshold"].reshape(-1)[0])
        judged.append((int(score), threshold, bool(accepted)))
    number = closest(judged, normalised=True)
    return NOBODY if number is None else number


def main() -> None:
    """Builds once, runs each count, prints."""
    people = made_up_people(max(COUNTS))
    image = np.random.default_rng(21).integers(0, 256, people[0].arch.image.shape, np.uint8)
    weights = [weights_of(net, TARGET) for net in people]
    pointers, picture = FREE, FREE + 0x1000
    arena = picture + 0x4000
    first = arena + 0x1_0000
    places = [first + (len(weights[0]) + 15) // 16 * 16 * number for number in range(len(weights))]
    memory = dict(zip(places, weights, strict=True))
    memory |= {pointers: struct.pack(f"<{len(places)}I", *places), picture: image.tobytes()}
    with tempfile.TemporaryDirectory() as scratch:
        elf = _program(Path(scratch), people[0])
        alone = None
        print("people  instructions  to one")
        for count in COUNTS:
            number, taken = call(elf, "who_is_it", (pointers, count, picture, arena), memory)
            assert number == _expected(people[:count], image)
            alone = alone or taken
            print(f"{count:>6}  {taken:>12,}  {taken / alone:>6.2f}")


if __name__ == "__main__":
    main()
