"""`hvcodegen simulate`: the generated C on this machine, against the integer reference."""

from __future__ import annotations

from pathlib import Path

import click

from codegen.cli.common import compiler_option, images_option, json_option, print_result
from codegen.cli.help import VerbWithHeadings
from codegen.cli.subject import SubjectOrder, subject_options


@click.command(cls=VerbWithHeadings, short_help="Run samples through the C on this machine.")
@subject_options
@images_option
@click.option("--compare/--no-compare", default=True, show_default=True, help="Check every tensor.")
@compiler_option
@json_option
def command(
    subject: SubjectOrder,
    files: tuple[Path, ...],
    folder: Path | None,
    samples: Path | None,
    aligned: bool,
    compare: bool,
    compiler: str | None,
    as_json: bool,
) -> None:
    """Run photographs, or samples of a model, through the generated C, compiled for this machine.

    Every tensor of every layer is compared with the PyTorch integer reference; one differing bit
    ends with exit code 3 and names the layer, the index, and both values. A model's outputs are
    compared with the model in real numbers, too, as a signal-to-noise ratio.

    \b
    Examples:
      hvcodegen simulate --user alice --image door.jpg
      hvcodegen simulate --user alice --images visitors/ --json
      hvcodegen simulate --user alice --images crops/ --aligned --no-compare
      hvcodegen simulate --onnx model.onnx --calibration samples.npz --samples test.npz
    """
    import time

    from codegen.cli import pipeline
    from codegen.cli.answers import answers
    from codegen.cli.batches import read_batch
    from codegen.targets import HOST
    from host_tools.compare import compare as compare_traces
    from host_tools.compare import require_equal
    from host_tools.simulator import Simulator
    from host_tools.toolchain import Purpose, choose

    if subject.user and not subject.onnx and not files and folder is None:
        raise click.UsageError("give --image FILE or --images DIR")
    entry = subject.load()
    net = entry.quant_net
    batch = read_batch(entry, files, folder, samples, aligned=aligned)
    rows = batch.rows(net.arch)
    with pipeline.emitted(entry, HOST) as emitted:
        simulator = Simulator(emitted, toolchain=choose(Purpose.HOST, compiler))
        if compare:
            import torch  # noqa: F401 - loaded before the clock starts
        start = time.perf_counter()
        if compare:
            outputs = simulator.trace(rows)
            comparison = compare_traces(pipeline.torch_reference(net, batch.inputs), outputs)
        else:
            outputs = pipeline.split_results(net, simulator.run_bytes(rows))
        seconds = time.perf_counter() - start
    data, lines = answers(entry, batch, outputs)
    data["images_per_second"] = len(rows) / seconds
    if compare:
        data |= pipeline.comparison_json(comparison)
        lines.append(
            f"{comparison.tensors_compared} tensors compared with the reference: "
            + ("bit-exact" if comparison.bit_exact else str(comparison.first_difference))
        )
    rate = "with" if compare else "without"
    unit = "images" if entry.user else "samples"
    lines.append(f"{len(rows) / seconds:.0f} {unit} a second {rate} the comparison")
    print_result(as_json, data, lines)
    if compare:
        require_equal(comparison, where=f"host C of {entry.name}")
