"""Names of a model as names in C."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.architecture_rules import name_faults
from codegen.importing.names import LONGEST, architecture_name, c_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("input", "input"),
        ("input.1", "input_1"),
        ("43", "t43"),
        ("/layer1/layer1.0/conv1/Conv", "layer1_layer1_0_conv1_conv"),
        ("serving_default_x:0", "serving_default_x_0"),
        ("image", "layer_image"),
        ("float", "layer_float"),
        ("", "layer_layer"),
        ("Größe", "gr_e"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert c_name(text, set()) == name


@given(st.lists(st.text(max_size=60), max_size=12))
def test_names_are_names_and_differ(texts: list[str]) -> None:
    taken: set[str] = set()
    names = [c_name(text, taken) for text in texts]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) and len(name) <= LONGEST for name in names)


@given(st.text(max_size=60))
def test_architectures_have_names(text: str) -> None:
    assert not name_faults(architecture_name(text))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("model", "model-net"),
        ("ResNet-8 (int8)", "resnet-8-int8"),
        ("8bit", "net-8bit"),
        ("", "net"),
    ],
)
def test_architectures(text: str, name: str) -> None:
    assert architecture_name(text) == name
