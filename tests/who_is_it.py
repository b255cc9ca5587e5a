"""What tests and benchmarks of several people share: a call of the C, and people to give it."""

from __future__ import annotations

from pathlib import Path

from codegen.bundle import TAG_TENSORS, read_bundle
from codegen.emit import emit
from codegen.nets import QuantNet
from codegen.schedule import schedule
from codegen.targets import Target

NOBODY = 2**32 - 1
CALL = Path(__file__).with_suffix(".c")


def weights_of(net: QuantNet, target: Target) -> bytes:
    """A person's struct, as it lies in the bundle."""
    files = emit(schedule(net, target), "somebody").files
    return read_bundle(files["somebody.hvb"]).payload(TAG_TENSORS)
