from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from codegen.targets import find_target
from host_tools.emulators import find_emulator
from tests.bench.networks import NETWORKS, net_m, net_p
from tests.bench.table import HEADINGS, default_verifier, from_file, main

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


def test_the_default_verifier_is_the_shipped_one() -> None:
    assert default_verifier().quant_net.arch.macs() == 2_304_192


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if find_emulator("qemu").version() is None:
        pytest.skip("qemu is not installed")
    file = tmp_path / "p.onnx"
    file.write_bytes(net_p().SerializeToString())
    main([str(file)])
    headings, row, note = capsys.readouterr().out.splitlines()
    assert headings.split() == list(HEADINGS)
    name, macs, *numbers = row.split()
    assert (name, macs) == ("p", "2,064,640")
    instructions, cycles = (int(text.replace(",", "")) for text in numbers[:2])
    assert instructions < cycles
    assert float(numbers[2]) == pytest.approx(cycles / 2_064_640, abs=0.01)
    assert note.startswith(find_target("cortex-m4").name)


def test_what_does_not_fit_is_told_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(net_m().SerializeToString())
    with pytest.raises(SystemExit, match="error: does not fit: RAM needs at least"):
        main([str(file), "--target", "cortex-m0"])
