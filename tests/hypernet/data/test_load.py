"""Finding the faces of a collection: the cached table, processes, interruptions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import HvError
from hypernet.backbone import FaceEncoder
from hypernet.data import (
    FaceTable,
    default_cache,
    leave_out_doubtful,
    load_faces,
    open_source,
    table,
)
from hypernet.data.cache import draft
from tests.face_files import CornerEncoder, encoded, write_people

Encoder = Callable[[], FaceEncoder]
COLUMNS = ("files", "people", "folds", "chips", "embeddings", "found")


def same(first: FaceTable, second: FaceTable) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_faces_are_found_once_and_cached(folder: Path, encoder: Encoder, tmp_path: Path) -> None:
    cache, seen = tmp_path / "cache" / "faces", []
    told = lambda done, total: seen.append((done, total))  # noqa: E731
    first = load_faces(folder, encoder=encoder, cache=cache, progress=told)
    assert seen == [(done, 6) for done in range(1, 7)]
    assert [path.name for path in cache.parent.iterdir()] == ["faces"]
    same(first, load_faces(folder, encoder=encoder, cache=cache, progress=told))
    assert len(seen) == 6
    assert first.person_numbers().tolist() == [0, 0, 1, 2, 2, 2]
    assert first.folds.tolist() == [1, 1, 2, 3, 3, 3]


def test_two_processes_find_what_one_finds(folder: Path, encoder: Encoder, tmp_path: Path) -> None:
    one = load_faces(folder, encoder=encoder, cache=tmp_path / "one")
    same(one, load_faces(folder, encoder=encoder, cache=tmp_path / "two", workers=2))


def test_a_table_of_other_photographs_is_refused(
    folder: Path, encoder: Encoder, tmp_path: Path
) -> None:
    cache = tmp_path / "faces"
    load_faces(folder, encoder=encoder, cache=cache)
    people = write_people(tmp_path / "people", {"Eve": 6})
    with pytest.raises(HvError, match="of other photographs"):
        load_faces(people, encoder=encoder, cache=cache)


@pytest.mark.parametrize("file", ["table.json", "chips.npy", "embeddings.npy", "found.npy"])
def test_a_damaged_table_is_refused(
    file: str, folder: Path, encoder: Encoder, tmp_path: Path
) -> None:
    cache = tmp_path / "faces"
    load_faces(folder, encoder=encoder, cache=cache)
    (cache / file).write_bytes((cache / file).read_bytes()[:-1])
    with pytest.raises(HvError, match="cannot be read"):
        load_faces(folder, encoder=encoder, cache=cache)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_search_goes_on_where_it_stopped(
    workers: int, folder: Path, encoder: Encoder, tmp_path: Path
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    cache, seen = tmp_path / "faces", []
    with pytest.raises(KeyboardInterrupt):
        load_faces(folder, encoder=encoder, cache=cache, workers=workers, progress=interrupt)
    assert not cache.exists()
    resumed = load_faces(
        folder, encoder=encoder, cache=cache, progress=lambda done, _: seen.append(done)
    )
    assert seen == [5, 6]
    same(resumed, load_faces(folder, encoder=encoder, cache=tmp_path / "at once"))


def test_rows_of_another_encoder_are_not_taken_up(
    folder: Path, stub: Callable[..., FaceEncoder], tmp_path: Path
) -> None:
    class Other(type(stub())):  # type: ignore[misc]
        name = "another"

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    cache, seen = tmp_path / "faces", []
    with pytest.raises(KeyboardInterrupt):
        load_faces(folder, encoder=stub, cache=cache, progress=interrupt)
    load_faces(folder, encoder=Other, cache=cache, progress=lambda done, _: seen.append(done))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_two_searches_do_not_write_one_table(
    folder: Path, encoder: Encoder, tmp_path: Path
) -> None:
    photos = open_source(folder).photos
    with (
        draft(tmp_path / "faces", photos, encoder="stub", dimensions=8),
        pytest.raises(HvError, match="another process"),
    ):
        load_faces(folder, encoder=encoder, cache=tmp_path / "faces")


_SEARCH = """
import sys, time
from pathlib import Path
from hypernet.data import filling, load_faces
from tests.face_files import CornerEncoder
filling._SAVE_EVERY = 3

class Slow(CornerEncoder):
    def embed(self, face):
        time.sleep(0.02)
        return super().embed(face)

if __name__ == "__main__":
    folder, cache, workers = sys.argv[1:]
    tell = lambda done, total: print(done, flush=True)
    load_faces(folder, encoder=Slow, cache=Path(cache), workers=int(workers), progress=tell)
"""


@pytest.mark.parametrize(("end", "workers"), [(signal.SIGKILL, 1), (signal.SIGINT, 2)])
def test_a_search_survives_its_process(end: signal.Signals, workers: int, tmp_path: Path) -> None:
    folder = write_people(tmp_path / "people", {"Ada": 60, "Bob": 60})
    cache = tmp_path / "faces"
    argv = [sys.executable, "-c", _SEARCH, str(folder), str(cache), str(workers)]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as search:
        assert search.stdout is not None
        reached = [int(search.stdout.readline()) for _ in range(8)][-1]
        os.killpg(search.pid, end)
        reached = max([reached, *map(int, search.stdout.read().split())])
        assert search.wait() != 0
    assert reached < 120, "it was stopped too late to prove anything"
    seen: list[int] = []
    resumed = load_faces(
        folder, encoder=CornerEncoder, cache=cache, progress=lambda done, _: seen.append(done)
    )
    kept = seen[0] - 1
    assert reached - 3 < kept <= reached + 1
    same(resumed, load_faces(folder, encoder=CornerEncoder, cache=tmp_path / "at once"))


def test_a_photograph_that_is_none_is_named(folder: Path, encoder: Encoder, tmp_path: Path) -> None:
    (folder / "Cyd" / "Cyd_0002.png").write_bytes(encoded(9)[:60])
    with pytest.raises(HvError, match="not an image, or a damaged one") as caught:
        load_faces(folder, encoder=encoder, cache=tmp_path / "faces")
    assert "Cyd/Cyd_0002.png" in caught.value.where


def test_one_photograph_under_two_people_is_refused(
    folder: Path, encoder: Encoder, tmp_path: Path
) -> None:
    copy = (folder / "Ada" / "Ada_0002.png").read_bytes()
    (folder / "Ada" / "Ada_0001.png").write_bytes(copy)  # twice under one person: no matter
    load_faces(folder, encoder=encoder, cache=tmp_path / "fine")
    (folder / "Cyd" / "Cyd_0003.png").write_bytes(copy)
    with pytest.raises(HvError, match=r"Ada/Ada_000.\.png of Ada is.* Cyd/Cyd_0003\.png of Cyd"):
        load_faces(folder, encoder=encoder, cache=tmp_path / "faces")
    assert not (tmp_path / "faces.partial").exists()


def test_what_is_doubtful_can_be_left_out(folder: Path, encoder: Encoder, tmp_path: Path) -> None:
    copy = (folder / "Ada" / "Ada_0002.png").read_bytes()
    (folder / "Cyd" / "Cyd_0001.png").write_bytes(copy)
    (folder / "Cyd" / "Cyd_0003.png").write_bytes(copy[:50])
    seen: list[int] = []
    source, left_out = leave_out_doubtful(
        open_source(folder), progress=lambda done, _: seen.append(done)
    )
    assert left_out == ["Ada/Ada_0002.png", "Cyd/Cyd_0001.png", "Cyd/Cyd_0003.png"]
    assert seen == [1, 2, 3, 4, 5, 6]
    found = load_faces(source, encoder=encoder, cache=tmp_path / "faces", workers=2)
    assert found.files.tolist() == ["Ada/Ada_0001.png", "Bob/Bob_0001.png", "Cyd/Cyd_0002.png"]
    assert source.fingerprint != open_source(folder).fingerprint
    for photo in folder.glob("*/*.png"):
        photo.write_bytes(copy)
    with pytest.raises(HvError, match="none of the wanted"):
        leave_out_doubtful(open_source(folder))


def test_each_index_has_its_own_cache(folder: Path) -> None:
    before = default_cache(open_source(folder))
    text = (folder / "index.csv").read_text()
    (folder / "index.csv").write_text(text.replace("Bob,1,2", "Bob,1,4"))
    assert default_cache(open_source(folder)) != before


def test_part_of_a_collection(folder: Path, encoder: Encoder, tmp_path: Path) -> None:
    """Asked for alone, or cut out of the whole: the same."""
    only = {"Cyd/Cyd_0002.png", "Ada/Ada_0001.png"}
    part = load_faces(folder, encoder=encoder, cache=tmp_path / "faces", only=only)
    assert part.files.tolist() == ["Ada/Ada_0001.png", "Cyd/Cyd_0002.png"]
    load_faces(folder, encoder=encoder, cache=tmp_path / "faces")
    same(part, load_faces(folder, encoder=encoder, cache=tmp_path / "faces", only=only))
    with pytest.raises(HvError, match="none of the wanted"):
        load_faces(folder, encoder=encoder, cache=tmp_path / "other", only={"nobody.png"})


def test_large_tables_lie_on_disk(
    folder: Path, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_faces(folder, encoder=encoder, cache=tmp_path / "faces")
    assert isinstance(whole.chips, np.memmap)
    rows = np.array([5, 0, 3])
    small = whole.select(rows)
    monkeypatch.setattr(table, "IN_MEMORY_BYTES", 100_000)
    monkeypatch.setattr(table, "cache_folder", lambda: tmp_path / "room")
    large = whole.select(rows)
    assert not isinstance(small.chips, np.memmap)
    assert isinstance(large.chips, np.memmap)
    same(small, large)
    np.testing.assert_array_equal(small.crops((64, 64, 3)), large.crops((64, 64, 3)))
    np.testing.assert_array_equal(whole.select(whole.people == "Cyd").chips, whole.chips[3:])
    assert not list((tmp_path / "room").iterdir())
    whole.chips[0] = 7  # allowed, and not kept
    assert load_faces(folder, encoder=encoder, cache=tmp_path / "faces").chips[0].max() != 7
