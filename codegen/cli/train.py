"""`hvcodegen train`: a hypernetwork from a folder of photographs."""

from __future__ import annotations

from pathlib import Path

import click

from codegen.cli.common import json_option, photo_progress, print_result, talk


@click.command(short_help="Train a hypernetwork.")
@click.option(
    "--images",
    "folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with the photographs, index.csv and pairs.txt.",
)
@click.option("--architecture", default="pq", show_default=True, metavar="NAME|FILE")
@click.option("--name", default="mine", show_default=True, help="Name of the checkpoint.")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=5200,
    show_default=True,
    help="Steps of distillation.",
)
@click.option(
    "--generate-steps",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Steps of the second stage, that makes every layer personal; 0 leaves it out.",
)
@click.option("--start", metavar="NAME|FILE", help="A distilled checkpoint to begin from.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="CPU threads of PyTorch.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("checkpoints"),
    show_default=True,
)
@json_option
def command(
    folder: Path,
    architecture: str,
    name: str,
    steps: int,
    generate_steps: int,
    start: str | None,
    seed: int,
    threads: int,
    output: Path,
    as_json: bool,
) -> None:
    """Train a hypernetwork on folds 1 to 8; fold 9 is only watched.

    \b
    Examples:
      hvcodegen train --images lfw250 --name pq
      hvcodegen train --images lfw250 --architecture pq-full --start pq --generate-steps 400
    """
    import torch

    from hypernet.architectures import load_architecture
    from hypernet.checkpoint import load_checkpoint, save_checkpoint
    from hypernet.data import load_faces, read_pairs
    from hypernet.dlib_encoder import DlibEncoder
    from hypernet.plans import DistilPlan, Plan, generate_plan
    from hypernet.train import Step, train

    torch.set_num_threads(threads)
    loaded = load_architecture(architecture)
    plan = Plan(
        name=name,
        seed=seed,
        distil=DistilPlan(steps=steps),
        generate=generate_plan(loaded, generate_steps),
    )
    talk("reading photographs (found, aligned and described once, then kept in the cache) ...")
    faces = load_faces(folder, workers=2, progress=photo_progress)

    def report(step: Step) -> None:
        if step.auc is not None or step.step % 100 == 0:
            auc = "" if step.auc is None else f"  AUC on the watched fold {step.auc:.4f}"
            talk(f"  {step.stage} {step.step}/{step.steps}  loss {step.loss:.3f}{auc}")

    trained = train(
        faces,
        read_pairs(folder, faces),
        loaded,
        plan,
        encoder=DlibEncoder().name,
        report=report,
        start=load_checkpoint(start) if start else None,
    )
    path = save_checkpoint(trained, output)
    data = {"checkpoint": str(path), "threshold": trained.threshold}
    lines = [
        f"wrote {path}",
        f"measure it: hvcodegen evaluate --images {folder} --checkpoint {path}",
    ]
    print_result(as_json, data, lines)
