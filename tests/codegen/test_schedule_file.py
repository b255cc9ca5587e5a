"""The schedule file: text and back, and every way in which one can be wrong."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.apply_schedule import apply_schedule, schedule_by
from codegen.errors import GateBreach, HvError
from codegen.nets import QuantNet
from codegen.schedule import schedule
from codegen.schedule_file import LayerChoice, ScheduleFile, from_text, to_text, valid_for
from codegen.targets import find_target
from tests.networks import conv_head, depthwise_all

M4 = find_target("cortex-m4")
COUNTS = st.integers(0, 2**40)
WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
OPTIONS = st.dictionaries(WORDS, st.integers(-(2**31), 2**31) | st.booleans() | WORDS, max_size=3)
LAYERS = st.builds(
    LayerChoice,
    kernel=WORDS,
    options=OPTIONS,
    cost=COUNTS,
    code_bytes=COUNTS,
    weight_bytes=COUNTS,
    scratch_bytes=COUNTS,
)
FILES = st.builds(
    ScheduleFile,
    target=WORDS,
    architecture=WORDS,
    valid_for=st.text("0123456789abcdef", min_size=64, max_size=64),
    objective=st.sampled_from(("cycles", "ram", "flash")),
    unit=st.sampled_from(("cycles", "instructions")),
    measured=WORDS,
    flash_limit_bytes=COUNTS,
    ram_limit_bytes=COUNTS,
    cost=COUNTS,
    flash_bytes=COUNTS,
    ram_bytes=COUNTS,
    layers=st.dictionaries(WORDS, LAYERS, max_size=4),
)


def _of(net: QuantNet, target: str = "cortex-m4") -> ScheduleFile:
    """The default plan as a schedule."""
    chosen = schedule(net, find_target(target)).kernels
    return ScheduleFile(
        target=target,
        architecture=net.arch.name,
        valid_for=valid_for(net.arch),
        objective="cycles",
        unit="cycles",
        measured="nowhere",
        flash_limit_bytes=1,
        ram_limit_bytes=2,
        cost=3,
        flash_bytes=4,
        ram_bytes=5,
        layers={
            name: LayerChoice(
                kernel=kernel.name,
                options=kernel.options(),
                cost=0,
                code_bytes=0,
                weight_bytes=0,
                scratch_bytes=0,
            )
            for name, kernel in chosen.items()
        },
    )


def _with_layer(file: ScheduleFile, name: str, **changes: object) -> ScheduleFile:
    layer = dataclasses.replace(file.layers[name], **changes)  # type: ignore[arg-type]
    return dataclasses.replace(file, layers={**file.layers, name: layer})


@given(FILES)
def test_text_and_back(file: ScheduleFile) -> None:
    text = to_text(file)
    read = from_text(text, "a file")
    assert read == file
    assert list(read.layers) == list(file.layers)
    assert to_text(read) == text


def test_a_line_for_each_layer() -> None:
    net = depthwise_all()
    lines = to_text(_of(net)).partition("[layers]\n")[2].splitlines()
    assert [line.split(" = ")[0] for line in lines] == [layer.name for layer in net.layers]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("format = 1", "format = 2", "a schedule of format 2, and this program reads 1"),
        ("format = 1", "", "a schedule of format None"),
        ("format = 1", "format = ", "no schedule: "),
        ('target = "cortex-m4"', "", "target is missing"),
        ('target = "cortex-m4"', "target = 4", "target is no text"),
        ('objective = "cycles"', 'objective = "fun"', "objective is none of cycles, ram, flash"),
        ('valid_for = "', 'valid_for = "x', "valid_for is not 64 hexadecimal digits"),
        ("[total]\ncycles = 3", "[total]\ncycles = -3", "total.cycles is no count"),
        ("[total]\ncycles = 3", "[total]\ncycles = true", "total.cycles is no count"),
        ("[limits]\nflash_bytes = 1", "[limits]", "limits.flash_bytes is missing"),
        ("[limits]", "[bounds]", "bounds is nothing that a schedule has"),
        ("[layers]", "[layers]\nx = 1", "layers.x is no table"),
        ("[layers]", "[layers]\nx = {kernel = 1}", "layers.x.kernel is no text"),
        ("[layers]", "[layers]\nx = {options = 1}", "layers.x.options is no table of numbers"),
        ("[layers]", "[layers]\nx = {options = {a = []}}", "layers.x.options is no table of"),
        ("[layers]", "[layers]\nx = {speed = 1}", "layers.x.speed is nothing that a schedule has"),
    ],
)
def test_a_damaged_file(old: str, new: str, fault: str) -> None:
    text = to_text(_of(conv_head()))
    assert old in text
    with pytest.raises(HvError, match=fault) as caught:
        from_text(text.replace(old, new, 1), "a.toml")
    first = caught.value.breaches[0] if isinstance(caught.value, GateBreach) else caught.value
    assert (first.where, first.hint) == ("a.toml", "make it again with hvcodegen tune")


def test_all_faults_at_once() -> None:
    with pytest.raises(GateBreach) as caught:
        from_text("format = 1", "a.toml")
    assert len(caught.value.breaches) > 8


@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4"])
def test_a_schedule_gives_the_kernels_it_says(target: str) -> None:
    net, core = depthwise_all(), find_target(target)
    file = from_text(to_text(_of(net, target)), "a file")
    assert schedule_by(file, net, core) == schedule(net, core)
    assert schedule_by("small", net, core) == schedule(net, core, "small")


def test_it_serves_another_person_and_another_name() -> None:
    file, other = _of(depthwise_all()), depthwise_all(person_seed=7)
    renamed = dataclasses.replace(other, arch=dataclasses.replace(other.arch, name="other"))
    assert apply_schedule(file, renamed, M4).kernels == apply_schedule(file, other, M4).kernels


def _refused(file: ScheduleFile, net: QuantNet) -> str:
    with pytest.raises(GateBreach) as caught:
        apply_schedule(file, net, M4)
    assert all(breach.hint for breach in caught.value.breaches)
    return str(caught.value)


def test_another_target_and_another_network() -> None:
    said = _refused(_of(conv_head(), "cortex-m0"), depthwise_all())
    assert "it was made for cortex-m0, not for cortex-m4" in said
    assert "it was made for another network, called conv-head" in said


def test_other_layers() -> None:
    net = conv_head()
    file = _of(net)
    layers = {("else" if name == "conv1" else name): of for name, of in file.layers.items()}
    said = _refused(dataclasses.replace(file, layers=layers), net)
    assert "it has no kernel for a layer\n  where: layer conv1" in said
    assert "the network has no such layer\n  where: layer else" in said


def test_unfit_kernels() -> None:
    net = depthwise_all()
    file = _with_layer(_of(net), "stem", kernel="magic")
    file = _with_layer(file, "dw", kernel="winograd", options={"weight_bits": 16, "groups": 1})
    said = _refused(_with_layer(file, net.layers[-1].name, options={"fun": 1}), net)
    assert "no kernel is called 'magic'" in said
    assert "winograd cannot compute this depthwise on cortex-m4" in said
    assert "portable has no blocking fun=1 for this layer" in said
