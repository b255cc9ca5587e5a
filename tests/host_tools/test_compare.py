from __future__ import annotations

import numpy as np
import pytest
from toy import reference, toy_images

from codegen.errors import HvError, OutputsDiffer
from host_tools.compare import Comparison, Difference, compare, require_equal


def test_equal_runs() -> None:
    verdict = compare(reference(toy_images(3)), reference(toy_images(3)))
    assert verdict == Comparison(
        bit_exact=True, images=3, tensors_compared=9, first_difference=None
    )


def test_one_flipped_bit_is_named() -> None:
    expected, got = reference(toy_images(3)), reference(toy_images(3))
    got["conv0"][1, 2, 3, 0] ^= 1
    value = int(expected["conv0"][1, 2, 3, 0])
    verdict = compare(expected, got)
    assert not verdict.bit_exact
    assert verdict.first_difference == Difference(
        image=1, layer="conv0", index=(2, 3, 0), expected=value, got=value ^ 1
    )


def test_the_lowest_image_comes_first_then_the_first_layer() -> None:
    expected, got = reference(toy_images(3)), reference(toy_images(3))
    got["conv0"][2] += 1
    got["features"][1] += 1
    got["decision"][1] += 1
    first = compare(expected, got).first_difference
    assert first is not None
    assert (first.image, first.layer, first.index) == (1, "features", (0,))


def test_a_difference_reads_well_and_exits_with_3() -> None:
    expected, got = reference(toy_images(1)), reference(toy_images(1))
    got["decision"][0, 2] = 7
    with pytest.raises(OutputsDiffer) as caught:
        require_equal(compare(expected, got), where="gcc against zig")
    accepted = int(expected["decision"][0, 2])
    assert caught.value.what == f"image 0, layer decision, element [2]: expected {accepted}, got 7"
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("fault", ["missing layer", "shape", "dtype", "no layer", "no image"])
def test_what_cannot_be_compared_is_refused(fault: str) -> None:
    expected, got = reference(toy_images(2)), reference(toy_images(2))
    if fault == "missing layer":
        del got["features"]
    elif fault == "shape":
        got["conv0"] = got["conv0"][:, :2]
    elif fault == "dtype":
        got["conv0"] = got["conv0"].astype(np.int32)
    elif fault == "no layer":
        expected, got = {}, {}
    else:
        expected, got = ({k: v[:0] for k, v in run.items()} for run in (expected, got))
    with pytest.raises(HvError):
        compare(expected, got)
