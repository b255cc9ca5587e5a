"""The help page of a verb with many options: under headings, in the order of use."""

from __future__ import annotations

import click

# by the option's name in the verb's function; what is not here comes last, under "Options"
HEADINGS: dict[str, tuple[str, ...]] = {
    "Whose network": ("user", "store", "onnx", "name", "input_shapes"),
    "How a model is quantised": (
        "calibration",
        "pixels",
        "observer",
        "equalise",
        "bias_correction",
    ),
    "What it is run on": ("files", "folder", "aligned", "samples"),
}


class VerbWithHeadings(click.Command):
    """A verb whose help page has the options under HEADINGS."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes one section for each heading."""
        records = {
            param.name or "": record
            for param in self.get_params(ctx)
            if (record := param.get_help_record(ctx)) is not None
        }
        for heading, names in HEADINGS.items():
            rows = [records.pop(name) for name in names if name in records]
            _write(formatter, heading, rows)
        _write(formatter, "Options", list(records.values()))


def _write(formatter: click.HelpFormatter, heading: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)
