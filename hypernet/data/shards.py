"""Shards in webdataset's form: tar files whose members share a key, `key.jpg` with its label.

The label is `key.cls` (a number or a name, as text) or `key.json` with one of the fields "person",
"identity", "label", "cls", "class". Other members are left alone, and nothing is ever unpickled.
Members of one key stand beside each other. Source: https://github.com/webdataset/webdataset.

The package `webdataset` is not used: it reads shards in sequence only, but finding faces goes on in
the middle after an interruption and in several processes; its last release is of June 2025; and it
runs a shell command where a shard's name begins with `pipe:`. Python's own tarfile knows where in
an uncompressed tar a member lies, and that is all it takes.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

from codegen.errors import HvError
from hypernet.data.base import PHOTOGRAPHS, digest_of, fold_of, stamp_of
from hypernet.data.table import Photo

_FIELDS = ("person", "identity", "label", "cls", "class")
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_LARGEST_LABEL_BYTES = 1 << 20
_MOST_SHARDS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Shards:
    """Photographs in tar files; a photograph is named `shard/key.suffix`.

    Attributes:
        where: the folder, or the pattern.
        photos: shard by shard.
        fingerprint: of the shards' names, sizes and times.
        places: for every photograph the shard, its offset there and its length, in bytes.
    """

    where: Path
    photos: Sequence[Photo]
    fingerprint: str
    places: Sequence[tuple[Path, int, int]]

    def read(self, row: int) -> bytes:
        """One photograph, out of the middle of its shard."""
        shard, offset, length = self.places[row]
        try:
            with shard.open("rb") as stream:
                stream.seek(offset)
                return stream.read(length)
        except OSError as error:
            raise HvError("the shard cannot be read", where=f"{shard}: {error}") from error


def looks_like_shards(path: Path) -> bool:
    """A tar file, a pattern with braces, or a folder with tar files."""
    if path.is_dir():
        return any(entry.suffix == ".tar" for entry in path.iterdir())
    return path.suffix == ".tar"


def open_shards(path: Path, folds: int) -> Shards:
    """Opens shards; reads every member's header and every label once.

    Args:
        path: a folder with `*.tar`, one tar, or a pattern such as `faces-{000..012}.tar`.
        folds: shares that the people are dealt into, by a hash of their names.

    Raises:
        HvError: a shard is missing, compressed or damaged; a photograph without a label, or a
            label that cannot be read; two photographs of one name; no photograph at all.
    """
    shards = _shards(path)
    photos: list[Photo] = []
    places: list[tuple[Path, int, int]] = []
    seen: set[str] = set()
    for shard in shards:
        for member, person in _labelled(shard):
            file = f"{shard.stem}/{member.name}"
            if file in seen:
                raise HvError(f"two photographs are called {member.name}", where=str(shard))
            seen.add(file)
            photos.append(Photo(file=file, person=person, fold=fold_of(person, folds)))
            places.append((shard, member.offset_data, member.size))
    if not photos:
        raise HvError("the shards hold no photograph", where=str(path))
    return Shards(
        where=path,
        photos=photos,
        fingerprint=digest_of(("shards", *map(stamp_of, shards))),
        places=places,
    )


def _shards(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(entry for entry in path.iterdir() if entry.suffix == ".tar")
    if path.is_file():
        return [path]
    shards = [Path(name) for name in _expand(str(path))]
    missing = [shard for shard in shards if not shard.is_file()]
    if missing:
        raise HvError(
            f"{len(missing)} of {len(shards)} shards are missing",
            where=", ".join(map(str, missing[:5])),
            hint="a pattern such as faces-{000..012}.tar names every shard, both ends included",
        )
    return shards


def _expand(pattern: str) -> Iterator[str]:
    """`a-{08..11}` to a-08, a-09, a-10, a-11; several braces give every combination."""
    found = _BRACES.search(pattern)
    if found is None:
        yield pattern
        return
    low, high = found.groups()
    if not 0 <= int(high) - int(low) < _MOST_SHARDS:
        raise HvError(f"{found.group()} is no range of shards", where=pattern)
    for number in range(int(low), int(high) + 1):
        yield from _expand(
            pattern[: found.start()] + str(number).zfill(len(low)) + pattern[found.end() :]
        )


def _labelled(shard: Path) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """Every photograph of a shard, with whom it shows."""
    try:
        with tarfile.open(shard, "r:") as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            _check_end(archive, shard)
            for key, group in groupby(members, key=lambda member: _split(member.name)[0]):
                yield from _sample(archive, key, list(group), shard)
    except (OSError, tarfile.TarError, ValueError) as error:
        raise HvError(
            f"not a shard, or a damaged one: {error}",
            where=str(shard),
            hint="a shard is an uncompressed tar file",
        ) from error


def _sample(
    archive: tarfile.TarFile, key: str, members: Sequence[tarfile.TarInfo], shard: Path
) -> Iterator[tuple[tarfile.TarInfo, str]]:
    photographs = [member for member in members if _split(member.name)[1] in PHOTOGRAPHS]
    if not photographs:
        return
    where = f"{shard}: {key}"
    labels = [member for member in members if _split(member.name)[1] in (".cls", ".json")]
    if len(photographs) > 1 or not labels:
        raise HvError(
            f"{len(photographs)} photographs and {len(labels)} labels have one key",
            where=where,
            hint="every photograph key.jpg needs one label beside it, key.cls or key.json",
        )
    by_suffix = {_split(member.name)[1]: member for member in labels}
    label = by_suffix.get(".cls", labels[0])
    if label.size > _LARGEST_LABEL_BYTES:
        raise HvError(f"the label is {label.size:,} bytes long", where=where)
    stream = archive.extractfile(label)
    assert stream is not None, "it is a file"
    yield photographs[0], _person(stream.read(), _split(label.name)[1], where)


def _person(content: bytes, suffix: str, where: str) -> str:
    try:
        value = json.loads(content) if suffix == ".json" else content.decode().strip()
    except (ValueError, RecursionError) as error:
        raise HvError(f"the label cannot be read: {error}", where=where) from error
    if isinstance(value, dict):
        value = next((value[field] for field in _FIELDS if field in value), None)
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).strip():
        raise HvError(
            "the label names nobody",
            where=where,
            hint=f"a number or a name, in a JSON object under one of {', '.join(_FIELDS)}",
        )
    return str(value).strip()


def _split(name: str) -> tuple[str, str]:
    """Key and suffix in lower case: the suffix begins at the first dot of the last part."""
    path = PurePosixPath(name)
    stem, dot, suffix = path.name.partition(".")
    return str(path.parent / stem), (dot + suffix).lower()


def _check_end(archive: tarfile.TarFile, shard: Path) -> None:
    """A file that was cut between two members looks whole to tarfile."""
    last = archive.getmembers()[-1:] or [tarfile.TarInfo()]
    end = last[0].offset_data + last[0].size
    if shard.stat().st_size < end + 2 * tarfile.BLOCKSIZE:
        raise HvError(
            "the shard is cut short: it lacks the end of its last member or its end mark",
            where=str(shard),
        )
