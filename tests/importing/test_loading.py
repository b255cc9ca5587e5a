"""Files that are no models, or not for us: each is refused with a sentence that helps."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.errors import HvError
from codegen.importing.reading import read_model
from tests.importing.onnx_models import model, node, one, read, real, written


def convolution() -> onnx.ModelProto:
    weights = np.linspace(-1, 1, 2 * 3 * 9, dtype=np.float32).reshape(2, 3, 3, 3)
    return model(
        [node("Conv", "x w b", "c"), node("Relu", "c", "y")],
        {"x": real(1, 3, 8, 8)},
        {"y": real(1, 2, 6, 6)},
        {"w": weights, "b": np.zeros(2, np.float32)},
    )


def refused(path: Path) -> HvError:
    with pytest.raises(HvError) as caught:
        read_model(path)
    assert caught.value.where.startswith(str(path))
    assert caught.value.hint
    return caught.value


def test_a_whole_model_is_read(tmp_path: Path) -> None:
    graph = read(tmp_path, convolution())
    assert graph.name == "net"
    assert graph.opset == 17
    assert [(n.op_type, n.name, n.inputs, n.outputs) for n in graph.nodes] == [
        ("Conv", "c", ("x", "w", "b"), ("c",)),
        ("Relu", "y", ("c",), ("y",)),
    ]
    assert graph.shapes["c"] == (1, 2, 6, 6)
    assert graph.shapes["w"] == (2, 3, 3, 3)
    assert graph.remarks == ()
    assert not graph.quantities and not graph.own_integers


def test_the_folder_of_the_file_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    here, there = read(tmp_path, convolution()), read(tmp_path / "there", convolution())
    assert repr(here) == repr(there)


def test_no_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.onnx").what == "no such file"


def test_a_folder(tmp_path: Path) -> None:
    assert refused(tmp_path).what == "a folder, not an ONNX file"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    assert refused(tmp_path / "net.onnx").what == "the file is empty"


@pytest.mark.parametrize("data", [b"PK\x03\x04 a zip file", b"{}", b"\x89PNG\r\n\x1a\n", b"\xff"])
def test_not_onnx(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    assert refused(path).what.startswith("not an ONNX ")


def test_a_message_of_protobuf_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx.ModelProto(producer_name="somebody").SerializeToString())
    assert refused(path).what == "not an ONNX model: it has no version, no operator set, no nodes"


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = convolution().SerializeToString()
    path = tmp_path / "net.onnx"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_a_flipped_byte_is_refused_or_read(tmp_path: Path, at: int, byte: int) -> None:
    data = bytearray(convolution().SerializeToString())
    data[at % len(data)] = byte
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    try:
        read_model(path)
    except HvError as error:
        assert error.where and error.hint


def test_versions_from_the_future(tmp_path: Path) -> None:
    newest = onnx.defs.onnx_opset_version()
    proto = one("Relu")
    proto.opset_import[0].version = newest + 1
    what = f"opset {newest + 1} is newer than the installed onnx knows ({newest})"
    assert refused(written(tmp_path, proto)).what == what
    proto.ir_version = onnx.IR_VERSION + 1
    assert "IR version" in refused(written(tmp_path, proto)).what


def test_an_old_opset(tmp_path: Path) -> None:
    proto = one("Relu")
    proto.opset_import[0].version = 6
    assert refused(written(tmp_path, proto)).what == "opset 6 is older than 7"


def test_no_standard_opset(tmp_path: Path) -> None:
    proto = one("Relu")
    proto.opset_import[0].domain = "org.example"
    assert refused(written(tmp_path, proto)).what == "the model imports no standard operators"


def test_both_names_of_the_standard_domain(tmp_path: Path) -> None:
    proto = one("Relu")
    proto.opset_import[0].domain = "ai.onnx"
    proto.graph.node[0].domain = "ai.onnx"
    assert read(tmp_path, proto).nodes[0].op_type == "Relu"


def test_a_tensor_that_nobody_computes(tmp_path: Path) -> None:
    proto = one("Relu")
    proto.graph.node[0].input[0] = "elsewhere"
    assert "elsewhere" in refused(written(tmp_path, proto)).what


def test_a_constant_with_too_few_bytes(tmp_path: Path) -> None:
    proto = convolution()
    proto.graph.initializer[0].raw_data = b"1234"
    assert "w" in refused(written(tmp_path, proto)).what


def external(folder: Path) -> Path:
    path = folder / "net.onnx"
    onnx.save(
        convolution(), path, save_as_external_data=True, location="net.data", size_threshold=0
    )
    return path


def test_external_data(tmp_path: Path) -> None:
    whole = read(tmp_path, convolution())
    (tmp_path / "net.onnx").unlink()
    apart = read_model(external(tmp_path))
    assert np.array_equal(apart.constants["w"], whole.constants["w"])


def test_missing_external_data_is_named(tmp_path: Path) -> None:
    path = external(tmp_path)
    (tmp_path / "net.data").unlink()
    assert refused(path).what == "the weights lie in files that are not there: net.data"


def test_truncated_external_data(tmp_path: Path) -> None:
    path = external(tmp_path)
    data = tmp_path / "net.data"
    data.write_bytes(data.read_bytes()[:20])
    assert refused(path).what
