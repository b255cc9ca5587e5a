"""InsightFace's .bin files: read whole, believed only as far as they can be, never obeyed."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from codegen.errors import HvError
from hypernet.backbone import FaceEncoder
from hypernet.data import image_of, load_pairs, open_pairs, open_source
from hypernet.data.plain_pickle import PickleFault, load_plain
from tests.face_files import encoded, picture, python2_bin, write_bin

IMAGES = [encoded(seed) for seed in (0, 1, 0, 2, 3, 4)]
SAME = [True, False, True]


def test_photographs_and_pairs(tmp_path: Path, stub: Callable[..., FaceEncoder]) -> None:
    pairs = open_pairs(write_bin(tmp_path / "lfw.bin", IMAGES, SAME))
    assert len(pairs.source.photos) == 5, "the first photograph comes twice"
    for row, seed in enumerate((0, 1, 2, 3, 4)):
        np.testing.assert_array_equal(image_of(pairs.source, row), picture(seed))
    table, rows = load_pairs(pairs, encoder=stub, cache=tmp_path / "faces")
    assert rows.first.tolist() == [0, 0, 3]
    assert rows.second.tolist() == [1, 2, 4]
    assert rows.same.tolist() == SAME
    ada, ada_too, other, bob, bob_too = table.people
    assert ada == ada_too != other
    assert bob == bob_too not in (ada, other)
    assert set(table.folds) == {0}, "nobody trains on it"


@pytest.mark.parametrize("protocol", range(6))
def test_every_way_of_writing_it(protocol: int, tmp_path: Path) -> None:
    expected = open_source(write_bin(tmp_path / "set.bin", IMAGES, SAME, protocol=2))
    arrays = [np.frombuffer(image, np.uint8) for image in IMAGES]
    for images in (IMAGES, arrays, [*map(bytearray, IMAGES)]):
        for same in (SAME, [*map(np.bool_, SAME)], np.array(SAME), np.array(SAME, np.uint8)):
            (tmp_path / str(protocol)).mkdir(exist_ok=True)
            path = tmp_path / str(protocol) / "set.bin"
            content = pickle.dumps((images, same), protocol=protocol)
            path.write_bytes(content)
            assert open_source(path).photos == expected.photos
            assert open_pairs(path).pairs == open_pairs(expected.where).pairs


def test_python_2_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "set.bin"
    path.write_bytes(python2_bin(IMAGES, SAME))
    assert pickle.loads(path.read_bytes(), encoding="bytes") == (IMAGES, SAME)
    source = open_source(path)
    np.testing.assert_array_equal(image_of(source, 4), picture(4))
    old = b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x02b1I0\nI1\ntRU\x01\x01tR."
    assert load_plain(old) == np.True_


def test_ten_folds_as_scikit_learn_makes_them(tmp_path: Path) -> None:
    images = [encoded(seed % 40) for seed in range(2 * 37)]
    pairs = open_pairs(write_bin(tmp_path / "set.bin", images, [True] * 37))
    for fold, (_, rows) in enumerate(KFold(10).split(np.zeros(37)), 1):
        assert [row for row, pair in enumerate(pairs.pairs) if pair.fold == fold] == rows.tolist()
    assert len(open_pairs(pairs.source.where, folds=[3]).pairs) == 4
    with pytest.raises(HvError, match="no pair belongs to fold"):
        open_pairs(pairs.source.where, folds=[11])


class _Touch:
    """Runs a command where it is unpickled by the usual reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("place", ["instead", "image", "same", "beside"])
@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_file_runs_nothing(place: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    bad = _Touch(mark)
    content: object = {
        "instead": bad,
        "image": ([*IMAGES[:5], bad], SAME),
        "same": (IMAGES, [True, bad, True]),
        "beside": (IMAGES, SAME, bad),
    }[place]
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps(content, protocol))
    pickle.loads(path.read_bytes())
    assert mark.exists(), "the plant works"
    mark.unlink()
    with pytest.raises(HvError, match=r"it names (posix|os)\.system"):
        open_source(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c__builtin__\ngetattr\n(c__builtin__\nbytes\nS'fromhex'\ntR.",
        b"\x80\x04\x8c\x08builtins\x8c\x0cbytes.__mro__\x93.",
        b"cnumpy\nload\n.",
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nload\n\x86R.",
        b"c_codecs\nencode\n(S'x'\nS'hex'\ntR.",
        b"cnumpy\ndtype\n(S'O8'\ntR.",
        b"Pid\n.",
        b"\x82\x01.",
    ],
)
def test_nothing_but_plain_data(program: bytes) -> None:
    """Names of other things, other codecs, arrays of objects, references, extensions."""
    try:
        value = load_plain(program)
    except PickleFault:
        return
    assert "_reconstruct" in program.decode("latin1"), "only a double is harmless"
    assert value is None


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_damage_is_one_error(noise: bytes, at: int, protocol: int) -> None:
    """Whatever is overwritten: plain data, or PickleFault."""
    arrays = ([np.arange(40, dtype=np.uint8)], np.array([True]))
    content = pickle.dumps(arrays, protocol)
    broken = content[:at] + noise + content[at + len(noise) :]
    with contextlib.suppress(PickleFault):
        load_plain(broken)
    with pytest.raises(PickleFault):
        load_plain(content[: min(at, len(content) - 1)])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ((IMAGES, [True, False]), "6 photographs do not make 2 pairs"),
        ((IMAGES[:5], SAME), "5 photographs do not make 3 pairs"),
        (([], []), "it holds no pair"),
        ((IMAGES,), "it does not hold two lists"),
        ({"images": IMAGES}, "it does not hold two lists"),
        ((SAME, IMAGES), "photograph 0 is no encoded photograph"),
        ((IMAGES, [True, 2, False]), "something else than truth values"),
        ((IMAGES, [True, None, False]), "something else than truth values"),
        ((IMAGES[:2] * 3, [True, False, True]), "pairs 0 and 1 show the same two"),
        ((IMAGES[:2] + IMAGES[1::-1], [True, False]), "pairs 0 and 1 show the same two"),
        (([IMAGES[0], IMAGES[0]], [False]), "pair 0 shows one photograph twice"),
    ],
)
def test_what_does_not_fit_is_refused(content: object, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(HvError, match=fault) as caught:
        open_source(path)
    assert caught.value.where == str(path)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = write_bin(tmp_path / "set.bin", IMAGES, SAME)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(HvError, match="or a damaged one"):
        open_source(path)


def test_a_damaged_photograph_is_named(tmp_path: Path, stub: Callable[..., FaceEncoder]) -> None:
    images = [*IMAGES[:3], IMAGES[3][:50], *IMAGES[4:]]
    pairs = open_pairs(write_bin(tmp_path / "set.bin", images, SAME))
    with pytest.raises(HvError, match="not an image, or a damaged one") as caught:
        load_pairs(pairs, encoder=stub, cache=tmp_path / "faces")
    assert "set.bin: set/000003" in caught.value.where
