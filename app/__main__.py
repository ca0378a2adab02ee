"""The command `secateur`: the window, or a verb without one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pruner import __version__
from pruner.cli import VERBS
from pruner.cli import main as run_verb
from pruner.cli.completing import VARIABLE
from pruner.cli.pipes import NO_PIPE, quiet_pipe

_VERBS = "\n".join(f"  {name:<12}  {about}" for name, about in VERBS.items())
USAGE = f"""Usage: secateur [FILE]      open the window, with FILE in it
       secateur --demo      open the window on the bundled model
       secateur VERB …      work without a window

Verbs:
{_VERBS}

Options:
  --root KEY    the key of the dictionary with the weights, in a training checkpoint
  --version     print the version
  --help        print this; “secateur VERB --help” tells about a verb
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit status. A first word that is a verb runs without importing Qt."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if VARIABLE in os.environ or (arguments and arguments[0] in VERBS):
        return run_verb(arguments)
    if "--help" in arguments or "-h" in arguments or "--version" in arguments:
        with quiet_pipe():
            print(f"secateur {__version__}\n" if "--version" in arguments else USAGE, end="")
        return 0
    root = None
    if "--root" in arguments:
        place = arguments.index("--root")
        _, root = arguments.pop(place), arguments.pop(place) if place + 1 < len(arguments) else None
    wrong = [one for one in arguments if one.startswith("-") and one != "--demo"]
    if wrong or len(arguments) > 1:
        what = wrong[0] if wrong else arguments[1]
        why = NO_PIPE if what == "-" else f"{what}: not understood."
        print(f"secateur: {why}\n{USAGE}", end="", file=sys.stderr)
        return 2
    return _show(arguments[0] if arguments else None, root)


def _show(what: str | None, root: str | None) -> int:
    from app.needs import CannotShow, require_display, require_qt

    if sys.platform == "win32":
        # torch after Qt fails there to find its libraries (pytorch#166628).
        import torch  # noqa: F401
    try:
        require_qt()
        require_display()
    except CannotShow as error:
        print(error, file=sys.stderr)
        return 1
    from app.application import run
    from resources import demo_model

    path = demo_model() if what == "--demo" else Path(what) if what else None
    return run(path, root)


if __name__ == "__main__":
    sys.exit(main())
