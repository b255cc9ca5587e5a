"""A ring of widened rows: each row is widened when a window first needs it, into its slot."""

from __future__ import annotations

from typing import Any


def ring_fields(height: int, stride: int, row_elements: int) -> dict[str, Any]:
    """C expressions of `y`, a row of the output; rows are counted from the topmost padded one.

    Args:
        height: rows of the window, and of the ring.
        stride: rows between windows.
        row_elements: int16 elements of a row.

    Returns:
        first_row: the window's first row; fresh_row: the first that is not in the ring yet;
        slots: where each row of the window begins in the ring.
    """
    kept = max(height - stride, 0)
    return {
        "first_row": "y" if stride == 1 else f"y * {stride}",
        "fresh_row": f"(y == 0) ? 0 : (first + {kept})" if kept else "first",
        "slots": tuple(
            f"((first{f' + {row}' if row else ''}) % {height}) * {row_elements}"
            for row in range(height)
        ),
    }
