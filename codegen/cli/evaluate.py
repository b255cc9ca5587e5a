"""`hvcodegen evaluate`: how well people are recognised, on pairs of photographs."""

from __future__ import annotations

from pathlib import Path

import click

from codegen.cli.common import DEFAULT_CHECKPOINT, json_option, print_result, talk


@click.command(short_help="Measure recognition on pairs of photographs.")
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of photographs; without --pairs it has index.csv and pairs.txt, with --store a "
    "folder for each person.",
)
@click.option(
    "--pairs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Pairs in the format of LFW's pairs.txt.",
)
@click.option(
    "--bin",
    "bin_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A verification set with its photographs (InsightFace's format).",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Measure the users enrolled there instead of a checkpoint.",
)
@click.option("--checkpoint", default=DEFAULT_CHECKPOINT, show_default=True, metavar="NAME|FILE")
@click.option("--fold", type=int, help="Fold that is tested on.  [default: 9; all of --pairs]")
@click.option(
    "--tune-fold",
    "tune_folds",
    type=int,
    multiple=True,
    help="Fold that the accuracy's threshold is from.  [default: 8; the others of --pairs]",
)
@click.option(
    "--precision",
    type=click.Choice(["int8", "float"]),
    default="int8",
    show_default=True,
    help="int8 runs the generated C.",
)
@click.option(
    "--everybody/--pairs-only",
    default=True,
    show_default=True,
    help="Also pair every photograph of the fold with every other.",
)
@click.option(
    "--max-impostors",
    type=click.IntRange(min=1),
    default=2_000_000,
    show_default=True,
    help="Of everybody, draw so many impostor pairs if there are more.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Of that draw.")
@click.option(
    "--enrol-photos",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="Measure enrolment with so many photographs, instead of pairs.",
)
@click.option(
    "--frames",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="Measure verdicts on so many streamed photographs together.",
)
@click.option("--aligned", is_flag=True, help="With --store: the photographs are crops already.")
@click.option("--card", is_flag=True, help="Write the result into the checkpoint's own card.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Draw ROC and DET curves and histograms of the scores there.",
)
@json_option
def command(
    images: Path | None,
    pairs: Path | None,
    bin_file: Path | None,
    store: Path | None,
    checkpoint: str,
    fold: int | None,
    tune_folds: tuple[int, ...],
    precision: str,
    everybody: bool,
    max_impostors: int,
    seed: int,
    enrol_photos: int,
    frames: int,
    aligned: bool,
    card: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure recognition on pairs: one photograph enrols, the other is streamed.

    Both directions, their mean, and the face embedding itself as the ceiling, each figure with its
    95 % interval. With int8, every enrolled photograph becomes weights for the compiled C, which
    then scores the other one. A false accept rate is quoted only where there are at least
    three impostor pairs for each that it would let in.

    \b
    Examples:
      hvcodegen evaluate --images lfw250 --fold 9
      hvcodegen evaluate --images lfw250 --precision float --json
      hvcodegen evaluate --images lfw250 --plot pictures
      hvcodegen evaluate --images lfw250 --checkpoint runs/pw/pw.json --card
      hvcodegen evaluate --images lfw250 --enrol-photos 3 --frames 3
      hvcodegen evaluate --pairs lfw/pairs.txt --images lfw250
      hvcodegen evaluate --store users --images people
    """
    if (images is None) == (bin_file is None) or (bin_file and (pairs or store)):
        raise click.UsageError("give --images DIR, --pairs FILE --images DIR, or --bin FILE")
    if store is not None:
        assert images is not None  # the check above
        if pairs is not None or plot is not None:
            raise click.UsageError("--store takes --images only: a folder for each person")
        from codegen.cli import evaluating_store

        found = evaluating_store.evaluate_store(store, images, precision, aligned=aligned)
        print_result(
            as_json,
            evaluating_store.as_json(found, precision),
            evaluating_store.as_lines(found, precision),
        )
        return
    if enrol_photos > 1 or frames > 1:
        from codegen.cli import evaluating_several
        from codegen.cli.pair_source import Order

        several = evaluating_several.evaluate_several(
            Order(images=images, pairs=pairs, bin=bin_file, fold=fold, tune_folds=tune_folds),
            checkpoint,
            photos=enrol_photos,
            frames=frames,
            seed=seed,
        )
        print_result(
            as_json, evaluating_several.as_json(several), evaluating_several.as_lines(several)
        )
        return
    from codegen.cli import evaluation_run
    from codegen.cli.evaluation_report import as_json as data_of
    from codegen.cli.evaluation_report import as_lines
    from codegen.cli.pair_source import Order

    order = Order(images=images, pairs=pairs, bin=bin_file, fold=fold, tune_folds=tune_folds)
    limit = max_impostors if everybody else None
    report, written = evaluation_run.run(
        order, checkpoint, precision, max_impostors=limit, seed=seed, plot=plot
    )
    if card:
        written.append(evaluation_run.write_card(checkpoint, data_of(report)))
    print_result(as_json, data_of(report), as_lines(report))
    for path in written:
        talk(f"wrote {path}")
