"""Hostile pickles in every container that holds pickles: nothing in them runs, and each ends in a listing or an error.

Child processes go the whole way with every file (open, read, prune, save) while an audit hook and canaries watch;
another one really loads the pickles with Python, which shows that they bite. The kinds are the classic payloads, the
published bypasses of picklescan, fickling and of torch's `weights_only`, and what wears a reader out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.malicious.assembler import NONE, beside
from tests.unit.malicious.canary import CANARY, CANARY_SOURCE
from tests.unit.malicious.cases import CASES
from tests.unit.malicious.containers import CONTAINERS, wrap

ROOT = Path(__file__).parents[2]
SECONDS = 5.0
WATCHERS = 2


Results = dict[str, dict[str, Any]]
"""What came of the files, by container (or `loaded`) and case; why a child died stands there as `died`."""


def _start(mode: str, folder: Path) -> subprocess.Popen[str]:
    (folder / "canaries").mkdir()
    (folder / "modules").mkdir()
    (folder / "modules" / f"{CANARY}.py").write_text(CANARY_SOURCE)
    state = str(folder / "state")  # where saving notes what it is at
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "XDG_STATE_HOME": state}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.unit.malicious.watch", mode, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def _results(process: subprocess.Popen[str], containers: Sequence[str]) -> Results:
    try:
        out, errors = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        out, errors = process.communicate()
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    done: Results = {container: {} for container in containers}
    for line in lines:
        if "name" in line:
            container, name = line["name"].split(" ")
            done[container][name] = line
    if process.returncode:
        last = lines[-1] if lines else {}
        died = {"at": last.get("begun"), "errors": errors[-2000:], "status": process.returncode}
        done = {container: {**cases, "died": died} for container, cases in done.items()}
    return done


def _folder(parent: Path) -> Path:
    (parent / "files").mkdir()
    (parent / "clean").mkdir()
    return parent


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory):
    """The children, all at once: one that loads the pickles for real, and some that watch, each several containers.

    Most of a child's time goes into importing torch.
    """
    started: dict[tuple[str, ...], subprocess.Popen[str]] = {}
    for group in (tuple(CONTAINERS)[part::WATCHERS] for part in range(WATCHERS)):
        folder = _folder(tmp_path_factory.mktemp("watched"))
        for container in group:
            for name, case in CASES.items():
                wrap(container, case.raw, folder / "files" / f"{container} {name}")
            wrap(container, beside(NONE), folder / "clean" / f"{container} clean")
            wrap(container, b"broken", folder / "clean" / f"{container} broken")
        started[group] = _start("watch", folder)
    folder = _folder(tmp_path_factory.mktemp("loaded"))
    for name, case in CASES.items():
        if case.bites:
            (folder / "files" / f"loaded {name}.pkl").write_bytes(case.raw)
    started[("loaded",)] = _start("load", folder)
    yield started
    for process in started.values():
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def results(processes: dict[tuple[str, ...], subprocess.Popen[str]]) -> Results:
    return {
        container: cases
        for group, process in processes.items()
        for container, cases in _results(process, group).items()
    }


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_that_nothing_in_a_malicious_pickle_runs(results, container: str, name: str):
    done = results[container]
    assert name in done, f"the child died: {done.get('died')}"
    outcome = done[name]
    assert outcome["events"] == []
    assert outcome["left"] == []
    assert "fault" not in outcome, "only a listing or a PrunerError is an answer"
    assert outcome["seconds"] < SECONDS
    if container == "torch_zip" and CASES[name].lists:
        assert "weight" in outcome.get("tensors", ()), outcome.get("refused")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.names and case.lists])
def test_that_a_listing_names_what_is_dangerous_in_the_file(results, name: str):
    assert results["torch_zip"][name]["globals"][CASES[name].names] == "dangerous"


def test_that_saving_goes_the_whole_way_beside_a_payload(results):
    """Only what nests too deeply, or cannot be told from its neighbour, keeps a form from being saved."""
    four = [f"{form}{ending}" for form in ("permanent", "masked") for ending in (".pt", ".safetensors")]
    short = {name for name, case in CASES.items() if case.lists and results["torch_zip"][name]["saved"] != four}
    refused = {"newline_in_module", "newlines_make_opcodes"}  # a masked form would have to write such a name
    assert short <= {"deep_lists", "deep_tuples", "deep_calls", "expanded_without_end"} | refused


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.lists])
def test_that_a_saved_file_names_nothing_that_its_source_does_not(results, name: str):
    """Nothing in the source may become an opcode of what is written."""
    assert results["torch_zip"][name]["new"] == []


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.bites])
def test_that_the_watch_notices_when_python_loads_the_pickle(results, name: str):
    """Without this the tests above could not fail."""
    done = results["loaded"]
    assert name in done, f"the child died: {done.get('died')}"
    assert done[name]["events"]


def test_that_the_canary_is_left_behind_when_python_loads_the_pickles(results):
    quiet = {name for name, outcome in results["loaded"].items() if "canary" not in outcome.get("left", ())}
    assert quiet == {"torch_load"}


@pytest.mark.parametrize("container", CONTAINERS)
def test_that_most_kinds_open_so_that_the_whole_way_is_gone(results, container: str):
    assert len(CASES) >= 35
    opened = [name for name in CASES if "weight" in results[container].get(name, {}).get("tensors", ())]
    assert len(opened) > len(CASES) / 2
