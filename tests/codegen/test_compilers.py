"""Compilers that are known to err: the emitted C must not give them the occasion."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.nets import Architecture
from tests.architectures import Json
from tests.c_host import WARNINGS, compiler, emitted, run
from tests.networks import quant_net

# Sums of 16 products with weights at constant addresses, which gcc 12.2 vectorises: a copy of the
# function made for these addresses reads the wrong ones, from -O2 on. See HV_LAYER in hv_arith.h.
SHARED_WEIGHTS: Json = {
    "name": "shared-weights",
    "inputs": [{"name": "pixels", "shape": [3, 3, 16]}],
    "layers": [
        {"name": "mixed", "op": "pointwise", "inputs": ["pixels"], "channels": 32},
        {"name": "again", "op": "pointwise", "inputs": ["mixed"], "channels": 16},
    ],
    "outputs": ["again"],
}
CHECK = """
#include "hv_model.h"
#include "hv_vectors.h"
static hv_shared_weights_arena_t arena;
static hv_shared_weights_inputs_t inputs;
int main(void) { return (int)hv_known_answer_test(&inputs, arena.bytes); }
"""


@pytest.mark.parametrize("name", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3", "-Os"])
def test_weights_at_constant_addresses(name: str, level: str, tmp_path: Path) -> None:
    folder = tmp_path / "emitted"
    emitted(quant_net(Architecture.from_json(SHARED_WEIGHTS)), folder)
    main = tmp_path / "main.c"
    main.write_text(CHECK)
    sources = sorted(folder.glob("*.c"))
    binary = tmp_path / "check"
    run([compiler(name), *WARNINGS, level, "-I", folder, main, *sources, "-o", binary])
    run([binary])
