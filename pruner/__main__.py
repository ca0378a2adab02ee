"""`python -m pruner VERB`: the command line where the window is not installed."""

import sys

from pruner.cli import main

if __name__ == "__main__":
    sys.exit(main())
