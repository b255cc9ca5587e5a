from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from codegen.cli.profiling import measure
from codegen.errors import HvError
from codegen.plans import PLANS
from codegen.targets import CORTEX_M, find_target
from host_tools.emulators import find_emulator
from tests.bench.networks import NETWORKS, net_m, net_p
from tests.bench.table import BEGIN, END, HEADINGS, from_file, made_up_verifier, main, with_table

# "parameters, MAC" of the networks that others were measured on
SIZES = {"net-p": (22_481, 2_064_640), "net-m": (18_849, 3_416_960)}


def _parameters(proto: onnx.ModelProto) -> int:
    return sum(int(np.prod(numpy_helper.to_array(x).shape)) for x in proto.graph.initializer)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_have_the_sizes_of_those_compared_with(name: str, tmp_path: Path) -> None:
    proto = NETWORKS[name]()
    onnx.checker.check_model(proto)
    file = tmp_path / f"{name}.onnx"
    file.write_bytes(proto.SerializeToString())
    arch = from_file(file).quant_net.arch
    assert (_parameters(proto), arch.macs()) == SIZES[name]


def test_the_same_networks_each_time() -> None:
    assert net_p() == net_p()
    assert net_m() == net_m()


def test_the_made_up_verifier_is_the_shipped_one() -> None:
    assert made_up_verifier().quant_net.arch.macs() == 2_304_192


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if find_emulator("qemu").version(CORTEX_M) is None:
        pytest.skip("qemu is not installed")
    file = tmp_path / "p.onnx"
    file.write_bytes(net_p().SerializeToString())
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}an older table\n{END}after\n")
    main([str(file), "--write", str(readme)])
    printed = capsys.readouterr().out
    headings, *rows, note = printed.splitlines()
    assert headings.split() == list(HEADINGS)
    assert [row.split()[:2] for row in rows] == [["p", plan.name] for plan in PLANS]
    for row in rows:
        numbers = row.split()[2:]
        instructions, cycles = (int(text.replace(",", "")) for text in numbers[:2])
        assert instructions < cycles
        assert float(numbers[2]) == pytest.approx(cycles / 2_064_640, abs=0.01)
    assert note.startswith(find_target("cortex-m4").name)
    assert readme.read_text() == f"before\n{BEGIN}```\n{printed}```\n{END}after\n"


def test_a_document_without_a_place_is_refused() -> None:
    with pytest.raises(HvError, match="no place for the table"):
        with_table("no marks", [])


# "must" of each plan for the networks that others are compared on: cycles, RAM and weights in bytes
BUDGETS = {
    ("net-p", "speed"): (1_750_000, 40 * 1024, 128 * 1024),
    ("net-p", "balanced"): (2_000_000, 26 * 1024, 25_853),
    ("net-m", "speed"): (5_400_000, 64 * 1024, 128 * 1024),
    ("net-m", "balanced"): (5_700_000, 56 * 1024, 26_000),
    ("net-p", "small"): (2_700_000, 10_752, 23_500),
    ("net-m", "small"): (6_600_000, 22 * 1024, 23_500),
}


@pytest.mark.parametrize("name, plan", BUDGETS)
def test_what_was_reached_is_not_lost(name: str, plan: str, tmp_path: Path) -> None:
    """Counts are exact and the same each time, so budgets can be held."""
    if find_emulator("qemu").version(CORTEX_M) is None:
        pytest.skip("qemu is not installed")
    file = tmp_path / f"{name}.onnx"
    file.write_bytes(NETWORKS[name]().SerializeToString())
    costs = measure(from_file(file), find_target("cortex-m4"), lambda _: None, plan=plan).profile
    cycles, ram_bytes, weight_bytes = BUDGETS[name, plan]
    assert costs.total.cycles is not None
    assert costs.total.cycles.zero_wait <= cycles
    assert costs.ram.total is not None
    assert costs.ram.total <= ram_bytes
    assert costs.flash.weights <= weight_bytes
    assert costs.flash.code <= 24 * 1024


def test_what_does_not_fit_is_told_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(net_m().SerializeToString())
    with pytest.raises(SystemExit, match="error: does not fit: RAM needs at least"):
        main([str(file), "--target", "cortex-m0"])
