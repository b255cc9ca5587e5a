"""`hvcodegen train`: a hypernetwork from a config and a folder of photographs."""

from __future__ import annotations

from pathlib import Path

import click

from codegen.cli.common import json_option


@click.command(short_help="Train a hypernetwork.")
@click.argument("config", metavar="CONFIG")
@click.option(
    "--images",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with the photographs, index.csv and pairs.txt.  [default: the config's]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of this training: checkpoint, log, curves.  [default: runs/NAME]",
)
@click.option("--resume", is_flag=True, help="Go on where a training was interrupted.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the config; may be given several times.",
)
@click.option("--tensorboard", is_flag=True, help="Write the curves for TensorBoard too.")
@json_option
def command(
    config: str,
    folder: Path | None,
    output: Path | None,
    resume: bool,
    overrides: tuple[str, ...],
    tensorboard: bool,
    as_json: bool,
) -> None:
    """Train a hypernetwork as CONFIG says: a TOML file, or the name of a shipped one.

    Folds 1 to 8 are learnt from, fold 9 is only watched. Ctrl-C, or a kill at any moment, costs
    at most the steps since the last saved state; --resume then gives the same weights as if
    nothing had happened.

    \b
    Examples:
      hvcodegen train pq --images lfw250
      hvcodegen train pq --images lfw250 --resume
      hvcodegen train my.toml --set seed=3 --set stages.0.steps=20000 --output runs/seed3
      torchrun --nproc-per-node 2 --no-python hvcodegen train pq --images lfw250
    """
    from codegen.cli.training import run

    run(
        config,
        folder=folder,
        output=output,
        resume=resume,
        overrides=overrides,
        tensorboard=tensorboard,
        as_json=as_json,
    )
