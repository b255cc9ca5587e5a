"""Which model stands for the flash of a board."""

from __future__ import annotations

from flash_models import Nvmc, Stm32F4
from rp2_models import Rp2040, Rp2350
from stm32l4_model import Stm32L4

from host_tools.boards import load_board

Model = Nvmc | Stm32F4 | Stm32L4 | Rp2040 | Rp2350
# by driver, then by the target of a board where one driver serves several controllers
MODELS: dict[str, type[Model] | dict[str, type[Model]]] = {
    "nvmc": Nvmc,
    "rp2": {"cortex-m0plus": Rp2040, "cortex-m33": Rp2350},
    "stm32f4": Stm32F4,
    "stm32l4": Stm32L4,
}


def model_of(name: str) -> Model:
    """The people's blocks of a board, and what erases and programs them."""
    board = load_board(name)
    storage = board.storage
    assert storage is not None
    found = MODELS[storage.kind]
    chip = found[board.target] if isinstance(found, dict) else found
    return chip(
        origin=storage.origin,
        block_bytes=storage.block_bytes,
        blocks=storage.journal_blocks + storage.data_blocks,
    )
