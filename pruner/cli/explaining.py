"""Help that ends with what `--json` prints, and with examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click


class ExplainedCommand(click.Command):
    """A command whose help goes on after its options.

    `examples` are pairs of what one does and its command. `json` tells what stands under each key of the document
    that `--json` prints.
    """

    def __init__(
        self,
        *arguments: Any,
        examples: Sequence[tuple[str, str]] = (),
        json: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(*arguments, **more)
        self._examples = examples
        self._json = json or {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then what else there is to tell."""
        super().format_options(ctx, formatter)
        self.format_more(formatter)
        if self._json:
            with formatter.section("JSON"):
                formatter.write_dl(list(self._json.items()), col_max=20)
                formatter.write_paragraph()
                formatter.write_text("Numbers that JSON lacks (NaN, infinite ones) are null.")
        if self._examples:
            with formatter.section("Examples"):
                for place, (what, command) in enumerate(self._examples):
                    if place:
                        formatter.write_paragraph()
                    formatter.write_text(f"# {what}")
                    _write_command(formatter, command)

    def format_more(self, formatter: click.HelpFormatter) -> None:
        """Write what a command has beside options, JSON and examples."""


def _write_command(formatter: click.HelpFormatter, command: str) -> None:
    """A command as lines that a shell takes as one; an option and its value stay together."""
    room = formatter.width - formatter.current_indent - len(" \\")
    first, *options = command.split(" --")
    lines = [first]
    for one in options:
        if len(lines[-1]) + len(f" --{one}") <= room:
            lines[-1] += f" --{one}"
        else:
            lines.append(f"    --{one}")
    indent = " " * formatter.current_indent
    formatter.write(indent + f" \\\n{indent}".join(lines) + "\n")
