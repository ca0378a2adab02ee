"""The script that the process runs: it imports its neighbours without leaving their folder where modules are found."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":  # not in the processes that a user's data loader spawns
    sys.path[0] = str(Path(__file__).absolute().parents[1])
    serving = importlib.import_module("in_child.serving")
    sys.path[0] = ""
    serving.main()
