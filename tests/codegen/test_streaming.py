"""Which rows are kept: played with numpy against whole tensors, and planted faults."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen import reference
from codegen.errors import GateBreach
from codegen.nets import Architecture, QuantNet
from codegen.streaming import Stream, check_stream, plan_streams, row_layer, row_window
from tests.architectures import IMAGE_SCALE
from tests.networks import images, quant_net


@st.composite
def chains(draw: Any) -> QuantNet:  # noqa: ANN401 - hypothesis' draw
    """Convolutions one after the other, some added to what they read; then a dense layer."""
    height = draw(st.integers(6, 20))
    layers, source, size, index = [], "image", height, 0
    for _ in range(draw(st.integers(1, 5))):
        kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
        top, bottom = (draw(st.integers(0, kernel - 1)) for _ in range(2))
        if size + top + bottom < kernel:
            break
        name = f"conv{index}"
        layers.append(
            {
                "name": name,
                "op": "conv2d",
                "inputs": [source],
                "channels": 4,
                "kernel": [kernel, 1],
                "stride": [stride, 1],
                "padding": [top, 0, bottom, 0],
            }
        )
        rows = (size + top + bottom - kernel) // stride + 1
        if source != "image" and rows == size and draw(st.booleans()):
            layers.append({"name": f"sum{index}", "op": "add", "inputs": [source, name]})
            name = f"sum{index}"
        source, size, index = name, rows, index + 1
    layers += [
        {"name": "flat", "op": "flatten", "inputs": [source]},
        {"name": "head", "op": "dense", "inputs": ["flat"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
    ]
    image = {"height": height, "width": 4, "channels": 4, "scale": IMAGE_SCALE}
    return quant_net(
        Architecture.from_json(
            {"name": "chain", "image": image, "layers": layers, "personal": ["head.*"]}
        )
    )


def _played(net: QuantNet, stream: Stream, image: np.ndarray) -> np.ndarray:
    """The boundary from rows alone: each tensor is only ever the rows that the plan keeps."""
    layers = [layer for layer in net.layers if layer.name in stream.layers]
    slides = stream.slides
    kept = {n: np.full((s.rows, s.row_bytes), s.pad_value, np.int8) for n, s in slides.items()}
    counts = {name: slide.top for name, slide in slides.items()}
    whole: list[np.ndarray] = []

    def push(name: str, row: np.ndarray) -> None:
        kept[name] = np.concatenate([kept[name][1:], row.reshape(1, -1).astype(np.int8)])
        counts[name] += 1

    def advance() -> bool:
        for layer in reversed(layers):
            slide = slides[layer.name]
            y = counts[layer.name] - slide.top
            window = row_window(layer.op)
            first = {n: y * window.stride - window.top + slides[n].top for n in layer.inputs}
            if y < slide.height and all(counts[n] >= f + window.height for n, f in first.items()):
                row = row_layer(layer)
                given = []
                for name, shape in zip(layer.inputs, row.input_shapes, strict=True):
                    start = first[name] - counts[name] + slides[name].rows
                    assert start >= 0
                    rows = kept[name][start : start + window.height]
                    given.append(rows.reshape(1, *shape))
                result = row.op.reference(row, tuple(given))[0]
                if layer.name == stream.boundary:
                    whole.append(result[0])
                push(layer.name, result)
                return True
            if slide.height <= y < slide.height + slide.bottom:
                push(layer.name, np.full(slide.row_bytes, slide.pad_value))
                return True
        slide = slides[stream.source]
        if slide.top + slide.height <= counts[stream.source] < slide.end:
            push(stream.source, np.zeros(slide.row_bytes))  # the integer that a grey pixel is
            return True
        return False

    kept[stream.source][:] = 0
    for row in image:
        push(stream.source, row)
        while advance():
            pass
    return np.stack(whole)


@given(chains(), st.integers(0, 2**31), st.data())
def test_rows_give_what_whole_tensors_give(net: QuantNet, seed: int, data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(plan_streams(net)))
    batch = images(net.arch, 1, seed)
    expected = reference.run(net, batch)[stream.boundary][0]
    integers = (batch[0].astype(np.int16) - 128).astype(np.int8)
    np.testing.assert_array_equal(_played(net, stream, integers), expected)


@given(chains(), st.data())
def test_one_row_less_is_refused(net: QuantNet, data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(plan_streams(net)))
    for name, slide in stream.slides.items():
        if name != stream.boundary and slide.rows > 1:
            smaller = dataclasses.replace(slide, rows=slide.rows - 1)
            faulty = dataclasses.replace(stream, slides={**stream.slides, name: smaller})
            with pytest.raises(GateBreach, match=f"of {name} is gone before it is read"):
                check_stream(net, faulty)


@given(chains(), st.data())
def test_a_row_is_computed_by_a_layer_of_one_row(net: QuantNet, data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(plan_streams(net)))
    for layer in net.layers:
        if layer.name in stream.layers:
            row = row_layer(layer)
            assert row.op.output_shape(row.input_shapes) == row.output_shape
            assert row.output_shape == (1, *layer.output_shape[1:])


def test_missing_padding_below_leaves_rows_uncomputed() -> None:
    layers = [
        {"name": "conv0", "op": "conv2d", "inputs": ["image"], "channels": 4, "kernel": [3, 1],
         "padding": [1, 0, 1, 0]},
        {"name": "flat", "op": "flatten", "inputs": ["conv0"]},
        {"name": "head", "op": "dense", "inputs": ["flat"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
    ]  # fmt: skip
    image = {"height": 8, "width": 4, "channels": 4, "scale": IMAGE_SCALE}
    arch = {"name": "one", "image": image, "layers": layers, "personal": ["head.*"]}
    net = quant_net(Architecture.from_json(arch))
    (stream,) = plan_streams(net)
    short = dataclasses.replace(stream.slides["image"], bottom=0)
    faulty = dataclasses.replace(stream, slides={**stream.slides, "image": short})
    with pytest.raises(GateBreach, match="the image ends and rows are missing"):
        check_stream(net, faulty)
