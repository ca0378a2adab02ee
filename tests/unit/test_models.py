"""A user's own Python runs beside, and whatever it does is a message here."""

from __future__ import annotations

import ast
import sys
import time
from pathlib import Path

import pytest
import torch

import pruner.models
from pruner import PrunerError
from pruner.errors import Cancelled
from pruner.models import ModelError, Runner, describe

NET = """
def build(width=6):
    import torch
    return torch.nn.Sequential(torch.nn.Linear(8, width), torch.nn.BatchNorm1d(width))
def nothing(): pass
def leaves(): raise SystemExit(3)
def exits():
    import os; os._exit(3)
def killed():
    import os, signal; os.kill(os.getpid(), signal.SIGKILL)
def crashes():
    import ctypes; ctypes.string_at(0)
def swells(): return bytearray(1 << 62)
def asks(): return input("a name, please: ")
def hangs():
    print("about to hang", flush=True)
    while True: pass
def lacks(): import a_package_that_is_not_there
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "net.py"
    path.write_text(NET)
    return str(path)


def test_that_a_model_is_described_as_its_state_dict(model: str):
    found = describe(f"{model}:build", {"width": 4})
    expected = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.BatchNorm1d(4)).state_dict()
    assert {name: one.shape for name, one in found.tensors.items()} == {
        name: tuple(value.shape) for name, value in expected.items()
    }
    assert found.tensors["0.weight"].kind == "parameter"
    assert found.tensors["1.running_var"].kind == "buffer"
    assert found.tensors["1.num_batches_tracked"].dtype == "int64"
    assert [one.type for one in found.modules][1] == "torch.nn.modules.linear.Linear"


def test_that_a_module_that_is_there_already_is_taken(tmp_path: Path):
    (tmp_path / "there.py").write_text("import torch\nmade = torch.nn.Linear(2, 2)\n")
    assert list(describe(f"{tmp_path}/there.py:made").tensors) == ["weight", "bias"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "gave a NoneType"),
        ("leaves", r"sys\.exit\(3\)"),
        ("exits", "left with status 3"),
        ("crashes", "crashed"),
        ("killed", "killed"),
        ("swells", "net.py, line 13: there was not enough memory"),
        ("asks", "EOFError"),
        ("lacks", "a_package_that_is_not_there"),
        ("missing", "has no “missing”; it has build"),
    ],
)
def test_that_what_goes_wrong_is_told(model: str, name: str, said: str):
    with pytest.raises(ModelError, match=said) as caught:
        describe(f"{model}:{name}")
    assert model in str(caught.value)
    assert name in caught.value.details or name in ("exits", "killed")  # which leave no trace


def test_that_a_model_that_failed_can_be_tried_again(model: str):
    with Runner(f"{model}:nothing") as runner:
        for _ in range(2):
            with pytest.raises(ModelError, match="gave a NoneType"):
                runner.ready()


def test_that_a_flood_of_prints_is_kept_in_bounds(tmp_path: Path):
    (tmp_path / "loud.py").write_text("print('x' * 100_000_000)\nfor i in range(20000): print(i)\nraise OSError")
    with pytest.raises(ModelError, match=r"loud\.py, line 3: OSError") as caught:
        describe(f"{tmp_path}/loud.py:build")
    assert caught.value.details.endswith("\n19999")
    assert len(caught.value.details) < 20_000


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands for an interpreter")
def test_that_another_interpreter_builds_it(model: str, tmp_path: Path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(ModelError, match="No module named 'torch'"):
        describe(f"{model}:build", python=str(python))


def test_that_what_runs_there_needs_only_torch_and_python_3_9():
    for path in (Path(pruner.models.__file__).parent / "in_child").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
            if isinstance(node, ast.Import):
                assert {one.name.split(".")[0] for one in node.names} <= {*sys.stdlib_module_names, "torch"}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert str(node.module).split(".")[0] in sys.stdlib_module_names


def test_that_a_model_that_hangs_can_be_stopped(model: str):
    begun = time.monotonic()

    def progress(done: int, total: int, what: str) -> None:
        if time.monotonic() - begun > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        describe(f"{model}:hangs", progress=progress)
    assert time.monotonic() - begun < 5


def test_that_wrong_names_are_told(tmp_path: Path):
    with pytest.raises(PrunerError, match="names no model"):
        describe("model.py")
    with pytest.raises(ModelError, match=r"gone\.py"):
        describe(f"{tmp_path}/gone.py:build")
    with pytest.raises(ModelError, match="cannot be started"):
        describe("a:b", python=str(tmp_path / "python"))
