"""Only the last layer is personal."""

from __future__ import annotations

from torch import Tensor

from hypernet.generators.base import Generator, Theta


class LastLayerGenerator(Generator):
    """Only the last layer is personal: about 200 numbers a person."""

    kind = "last-layer"

    def body_for(self, direction: Tensor) -> Theta:
        """The same for everybody."""
        return self.shared_body()
