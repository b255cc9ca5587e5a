"""`hvcodegen simulate`: the generated C on this machine, against the integer reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codegen.cli.common import (
    compiler_option,
    images_option,
    json_option,
    print_result,
    store_option,
    table,
    user_option,
)


@click.command(short_help="Score photographs with the C on this machine.")
@user_option
@images_option
@click.option("--compare/--no-compare", default=True, show_default=True, help="Check every tensor.")
@compiler_option
@store_option
@json_option
def command(
    user: str,
    files: tuple[Path, ...],
    folder: Path | None,
    aligned: bool,
    compare: bool,
    compiler: str | None,
    store: Path,
    as_json: bool,
) -> None:
    """Score photographs with the generated C, compiled for this machine.

    Every tensor of every layer is compared with the PyTorch integer reference; one differing bit
    ends with exit code 3 and names the layer, the index, and both values.

    \b
    Examples:
      hvcodegen simulate --user alice --image door.jpg
      hvcodegen simulate --user alice --images visitors/ --json
      hvcodegen simulate --user alice --images crops/ --aligned --no-compare
    """
    import time

    from codegen.cli import pipeline
    from codegen.cli.photos import find_files, read_crops
    from codegen.store import load_user
    from codegen.targets import find_target
    from host_tools.compare import compare as compare_traces
    from host_tools.compare import require_equal
    from host_tools.simulator import Simulator
    from host_tools.toolchain import Purpose, choose

    paths = find_files(files, folder)
    if not paths:
        raise click.UsageError("give --image FILE or --images DIR")
    entry = load_user(store, user)
    net = entry.quant_net
    crops = read_crops(paths, net.arch.image, aligned=aligned)
    with pipeline.emitted(entry, find_target("cortex-m4")) as emitted:
        simulator = Simulator(emitted, toolchain=choose(Purpose.HOST, compiler))
        if compare:
            import torch  # noqa: F401 - loaded before the clock starts
        start = time.perf_counter()
        if compare:
            trace = simulator.trace(crops.images)
            comparison = compare_traces(pipeline.torch_reference(net, crops.images), trace)
            verdicts = trace[net.layers[-1].name]
        else:
            verdicts = simulator.run(crops.images)
        seconds = time.perf_counter() - start
    scores = pipeline.scores_of(net, crops.names, verdicts)
    data: dict[str, Any] = {
        "user": user,
        "threshold": entry.float_net.threshold,
        "scores": [vars(score) for score in scores],
        "skipped": [{"name": name, "reason": reason} for name, reason in crops.skipped],
        "images_per_second": len(scores) / seconds,
    }
    headings = ("photograph", "accumulator", "score", "verdict")
    lines = table(headings, pipeline.score_rows(scores))
    lines.append(f"threshold {entry.float_net.threshold:.3f}")
    if compare:
        data |= pipeline.comparison_json(comparison)
        lines.append(
            f"{comparison.tensors_compared} tensors compared with the reference: "
            + ("bit-exact" if comparison.bit_exact else str(comparison.first_difference))
        )
    rate = "with" if compare else "without"
    lines.append(f"{len(scores) / seconds:.0f} images a second {rate} the comparison")
    print_result(as_json, data, lines)
    if compare:
        require_equal(comparison, where=f"host C of {user}")
