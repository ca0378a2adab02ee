"""The command line: the engine's verbs without a window. Importing it imports neither torch nor Qt."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from pruner import __version__
from pruner.cli.check import check
from pruner.cli.completing import VARIABLE
from pruner.cli.completion import completion
from pruner.cli.diff import diff
from pruner.cli.evaluate import evaluate
from pruner.cli.inspect import inspect
from pruner.cli.pipes import quiet_pipe
from pruner.cli.plan import plan
from pruner.cli.prune import prune
from pruner.cli.sensitivity import sensitivity
from pruner.cli.shared import one_line
from pruner.errors import PrunerError
from pruner.unfinished import tidy

_COMMANDS = {
    "inspect": inspect,
    "prune": prune,
    "diff": diff,
    "check": check,
    "evaluate": evaluate,
    "sensitivity": sensitivity,
    "plan": plan,
    "completion": completion,
}
VERBS = {name: command.get_short_help_str(60) for name, command in _COMMANDS.items()}
"""The verbs, and what each does."""
DONE, AT_FAULT, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class _Verbs(click.Group):
    """The verbs; a shell also offers what the window takes in their place."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs or options that begin so, and files."""
        found = super().shell_complete(ctx, incomplete)
        if not incomplete.startswith("-"):
            return [CompletionItem(incomplete, "file"), *found]
        demo = [CompletionItem("--demo", help="Open the bundled model.")] if "--demo".startswith(incomplete) else []
        return [*demo, *found]


@click.group(cls=_Verbs, commands=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="secateur %(version)s")
def secateur() -> None:
    """Prune PyTorch checkpoints by magnitude.

    Nothing in a checkpoint is ever executed. The status is 0 when done, 1 where the input or the output is at fault, 2
    for wrong usage and 130 when interrupted. Progress is told on a terminal only.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; gives the exit status: 0 done, 1 input or output at fault, 2 wrong usage, 130 interrupted.

    Exits with what a shell asks for where it does.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if VARIABLE in os.environ:
        secateur.main(arguments, "secateur", complete_var=VARIABLE)
    tidy()
    status: object = DONE
    try:
        with quiet_pipe(), secateur.make_context("secateur", arguments) as context:
            status = secateur.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return WRONG_USAGE
    except PrunerError as error:
        return _say(str(error))
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; nothing unfinished is left behind")
        return INTERRUPTED
    except MemoryError:
        return _say("there is not enough memory for this")
    except Exception as error:
        if os.environ.get("SECATEUR_DEBUG"):
            traceback.print_exc()
            return AT_FAULT
        return _say(f"a fault in Secateur ({type(error).__name__}: {error}); SECATEUR_DEBUG=1 shows where")
    return status if isinstance(status, int) else DONE


def _say(text: str) -> int:
    print(f"secateur: {one_line(text)}", file=sys.stderr)
    return AT_FAULT
