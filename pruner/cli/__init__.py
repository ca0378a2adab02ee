"""The command line: the engine's verbs without a window. Importing it imports neither torch nor Qt."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from pruner.cli.check import check
from pruner.cli.diff import diff
from pruner.cli.inspect import inspect
from pruner.cli.plan import plan
from pruner.cli.prune import prune
from pruner.cli.sensitivity import sensitivity
from pruner.cli.shared import one_line
from pruner.errors import PrunerError
from pruner.unfinished import tidy

_COMMANDS = {"inspect": inspect, "prune": prune, "diff": diff, "check": check, "sensitivity": sensitivity, "plan": plan}
VERBS = tuple(_COMMANDS)
DONE, AT_FAULT, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


@click.group(commands=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def secateur() -> None:
    """Prune PyTorch checkpoints by magnitude.

    Nothing in a checkpoint is ever executed.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; gives the exit status: 0 done, 1 input or output at fault, 2 wrong usage, 130 interrupted."""
    tidy()
    try:
        # A click command that is not standalone returns its callback's value, or click's own exit status.
        status = secateur.main(list(sys.argv[1:] if argv is None else argv), "secateur", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return WRONG_USAGE
    except PrunerError as error:
        return _say(str(error))
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; nothing is left behind")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
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
