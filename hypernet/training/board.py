"""The curves for TensorBoard, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codegen.errors import ProgramMissing
from hypernet.training.curve import Step


def tensorboard(folder: Path) -> Callable[[Step], None]:
    """Writes every step's numbers under `folder`.

    Raises:
        ProgramMissing: tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ProgramMissing(
            "tensorboard is needed for --tensorboard", hint="pip install tensorboard"
        ) from error
    writer = SummaryWriter(str(folder))

    def write(step: Step) -> None:
        group = f"{step.stage}-{step.objective}"
        numbers = {"loss": step.loss, "rate": step.rate, "auc": step.auc, **step.facts}
        for name, value in numbers.items():
            if value is not None:
                writer.add_scalar(f"{group}/{name}", value, step.step)
        if step.auc is not None:
            writer.flush()

    return write
