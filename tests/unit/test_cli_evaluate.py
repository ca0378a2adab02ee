"""`secateur evaluate`: the figures, the words, and wrong usage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pruner.cli import main
from resources import demo_model
from resources.demo import digits

NET = """
import torch
def build(width=4): return torch.nn.Linear(3, width)
def loss(model):
    print("measuring")
    return {"loss": model.bias.detach().sum().item(), "weights": float(model.weight.numel()), "samples": 5}
"""


@pytest.fixture
def pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    assert main(["prune", str(demo_model()), "-o", "half.pt", "--amount", "features.*.weight=50%"]) == 0
    return "half.pt"


def accuracy(path: Path | str) -> float:
    model = digits.build()
    model.load_state_dict(torch.load(path))
    return digits.evaluate(model)


def test_that_the_bundled_model_is_measured_on_its_test_set(pruned, capfdbinary):
    capfdbinary.readouterr()
    assert main(["evaluate", "--demo", "--against", pruned, "--input", "8,1,8,8", "--json"]) == 0
    found = json.loads(capfdbinary.readouterr().out)
    (metric,) = found["metrics"]
    assert round(metric["value"], 3) == 0.994
    assert (metric["name"], metric["value"], metric["against"]) == (
        "accuracy",
        accuracy(demo_model()),
        accuracy(pruned),
    )
    assert (metric["difference"], metric["verdict"]) == (metric["against"] - metric["value"], "worse")
    assert found["samples"] == [360, 360]
    assert max(found["seconds"]) < 5
    (output,) = found["agreement"]["outputs"]
    assert (output["shape"], found["agreement"]["samples"]) == ([8, 10], 8)
    assert 0 < output["relative_error"] < 2


def test_that_the_table_says_what_was_measured_and_what_was_not(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    state = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    torch.save(state, "a.pt")
    torch.save({**state, "bias": torch.ones(2) * 3}, "b.pt")
    names = ["--model", "net.py:build", "--args", '{"width": 2}', "--evaluate", "net.py:loss"]
    assert main(["evaluate", "a.pt", "--against", "b.pt", *names, "--better", "loss=lower"]) == 0
    out, err = capfd.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert rows[:3] == [
        ["a.pt", "b.pt", "difference"],
        ["loss", "2", "6", "+4", "worse"],
        ["weights", "6", "6", "0"],
    ]
    assert "Measured by net.py:loss on 5 samples, on cpu" in out
    assert "Nothing was retrained" in out
    assert err == "measuring\nmeasuring\n"


def test_that_code_that_fails_is_one_line_and_its_traceback_on_request(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text("def build(width):\n    print('building')\n    raise ValueError('too narrow')")
    torch.save({"weight": torch.ones(4, 3)}, "a.pt")
    command = ["evaluate", "a.pt", "--model", "bad.py:build", "--args", '{"width": 2}', "--evaluate", "bad.py:build"]
    assert main(command) == 1
    said = "secateur: bad.py:build cannot be built: bad.py, line 3: ValueError: too narrow."
    assert capfd.readouterr().err == f"building\n{said} --traceback shows more.\n"
    assert main([*command, "--traceback"]) == 1
    err = capfd.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.endswith(f"{said}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.pt"], "FILE and --model are needed"),
        (["a.pt", "--model", "n:b"], "Nothing to measure"),
        (["a.pt", "--model", "n:b", "--input", "1,3"], "add --against"),
        (["a.pt", "--model", "n:b", "--input", "0"], "no shape"),
        (["a.pt", "--model", "n:b", "--args", "[1]"], "a JSON object is needed"),
        (["a.pt", "--model", "n:b", "--args", "width=3"], "no JSON"),
        (["a.pt", "--model", "n:b", "--better", "loss"], "not higher, lower"),
        (["a.pt", "--model", "n:b", "--against", "b", "--input", "1", "--batches", "2"], "add --evaluate"),
    ],
)
def test_that_wrong_usage_is_told(arguments, said, capfd):
    assert main(["evaluate", *arguments]) == 2
    assert said in " ".join(capfd.readouterr().err.split())
