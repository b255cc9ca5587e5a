"""A transport that loses, alters and repeats bytes: the same ones each time, by a seed."""

from __future__ import annotations

import random

from host_tools.link.transports import Transport


class Lossy:
    """Damages what goes through it, in both directions.

    Attributes:
        damaged: how many writes and reads were damaged.
    """

    def __init__(self, inner: Transport, *, seed: int, probability: float) -> None:
        self._inner = inner
        self._random = random.Random(seed)
        self._probability = probability
        self.damaged = 0

    def write(self, data: bytes) -> None:
        for part in self._damage(data):
            self._inner.write(part)

    def read(self, timeout_s: float) -> bytes:
        return b"".join(self._damage(self._inner.read(timeout_s)))

    def now(self) -> float:
        return self._inner.now()

    def close(self) -> None:
        self._inner.close()

    def _damage(self, data: bytes) -> list[bytes]:
        if not data or self._random.random() >= self._probability:
            return [data] if data else []
        self.damaged += 1
        place = self._random.randrange(len(data))
        kind = self._random.choice(("lose all", "lose one", "alter", "repeat", "add", "cut"))
        if kind == "lose all":
            return []
        if kind == "repeat":
            return [data, data]
        if kind == "cut":
            return [data[:place]] if place else []
        if kind == "add":
            return [data[:place] + self._random.randbytes(3) + data[place:]]
        if kind == "lose one":
            return [data[:place] + data[place + 1 :]]
        altered = bytes([data[place] ^ (1 << self._random.randrange(8))])
        return [data[:place] + altered + data[place + 1 :]]
