"""The command line: JSON, exit statuses, messages."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune as torch_prune

from pruner.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A folder with a small network's state_dict in `net.pt`."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_that_inspect_lists_what_the_file_holds_with_figures(folder, capfdbinary):
    assert main(["inspect", "net.pt", "--json", "--stats"]) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert (found["format"], found["root"], found["others"]) == ("torch_zip", "", [])
    by_name = {tensor["name"]: tensor for tensor in found["tensors"]}
    state = torch.load("net.pt", weights_only=True)
    assert list(by_name) == list(state)
    for name, value in state.items():
        tensor = by_name[name]
        assert (tensor["shape"], f"torch.{tensor['dtype']}") == (list(value.shape), str(value.dtype))
        assert (tensor["numel"], tensor["nbytes"]) == (value.numel(), value.nbytes)
        assert tensor["zeros"] == int((value == 0).sum())
        assert tensor["max"] == pytest.approx(float(value.double().max()))
        if value.numel() > 1:
            assert tensor["std"] == pytest.approx(float(value.double().std()), abs=1e-12)
    assert by_name["0.weight"]["module"] == "0"
    assert by_name["1.running_mean"]["kind"] == "buffer"


def test_that_figures_json_does_not_have_are_null(folder, capfdbinary):
    torch.save({"w": torch.tensor([float("nan"), float("inf")])}, "odd.pt")
    assert main(["inspect", "odd.pt", "--json", "--stats"]) == 0
    tensor = json.loads(capfdbinary.readouterr().out)["tensors"][0]
    assert (tensor["min"], tensor["nan"], tensor["inf"]) == (None, 1, 1)


def test_that_prune_reports_what_torch_would_do(folder, capfdbinary):
    arguments = ["--amount", "*.weight=0.3", "--amount", "2.weight=5", "--exclude", "1.*", "--json"]
    assert main(["prune", "net.pt", "-o", "out.pt", *arguments]) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert [(one["name"], one["amount"], one["pruned"]) for one in found["tensors"]] == [
        ("0.weight", 0.3, 11),
        ("2.weight", 5, 5),
    ]
    assert found["total"] == {"numel": 48, "pruned": 16, "zeros": 16, "bytes": (folder / "out.pt").stat().st_size}
    assert (found["form"], found["device"]) == ("permanent", "cpu")
    linear = nn.Linear(4, 3)
    linear.load_state_dict({key: torch.load("net.pt")[f"2.{key}"] for key in ("weight", "bias")})
    torch_prune.l1_unstructured(linear, "weight", 5)
    assert torch.equal(torch.load("out.pt")["2.weight"], linear.weight)


def test_that_diff_sees_through_both_forms(folder, capfdbinary):
    for form in ("permanent", "masked"):
        assert main(["prune", "net.pt", "-o", f"{form}.pt", "--amount", "2.weight=5", "--form", form]) == 0
    capfdbinary.readouterr()
    main(["diff", "net.pt", "net.pt", "--json"])
    assert json.loads(capfdbinary.readouterr().out)["equal"]
    main(["diff", "net.pt", "permanent.pt", "--json"])
    permanent = json.loads(capfdbinary.readouterr().out)
    main(["diff", "net.pt", "masked.pt", "--json"])
    masked = json.loads(capfdbinary.readouterr().out)
    smallest = torch.load("net.pt")["2.weight"].abs().flatten().sort().values[4]
    for found in (permanent, masked):
        (tensor,) = found["tensors"]
        assert (tensor["name"], tensor["changed"], tensor["zeros"]) == ("2.weight", 5, [0, 5])
        assert tensor["max_abs_difference"] == pytest.approx(float(smallest))
    assert (permanent["renamed"], permanent["reordered"], permanent["added"]) == ([], False, [])
    assert masked["renamed"] == [["2.weight", "2.weight_orig"]]
    assert (masked["added"], masked["removed"], masked["reordered"]) == (["2.weight_mask"], [], True)


def test_that_diff_tells_how_far_apart_tensors_are_and_what_was_folded(folder, capfdbinary):
    before = torch.load("net.pt", weights_only=True)
    after = {f"module.{name}": value.clone() for name, value in before.items()}
    after["module.2.weight"][1, 2] = 0
    after["module.1.weight"] = after["module.1.weight"].half()
    torch.save(after, "after.pt")
    assert main(["diff", "net.pt", "after.pt", "--json"]) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert (found["prefixes"], found["matched"], found["added"], found["removed"]) == (["", "module."], 9, [], [])
    kinds, values = found["tensors"]
    assert (kinds["name"], kinds["changed"], kinds["dtypes"]) == ("1.weight", 0, ["float32", "float16"])
    a, b = before["2.weight"].double(), after["module.2.weight"].double()
    assert (values["names"], values["changed"], values["index"]) == (["2.weight", "module.2.weight"], 1, [1, 2])
    assert values["relative_difference"] == pytest.approx(float((a - b).norm() / a.norm()))
    assert values["cosine"] == pytest.approx(float(torch.cosine_similarity(a.flatten(), b.flatten(), dim=0)))
    assert values["masks"] == {
        "both_kept": 11,
        "both_pruned": 0,
        "pruned_only_in_a": 0,
        "pruned_only_in_b": 1,
        "agreement": pytest.approx(11 / 12),
        "jaccard": 0,
    }
    assert main(["diff", "net.pt", "after.pt"]) == 0
    text = capfdbinary.readouterr().out.decode()
    assert "prefix module. of B folded" in text
    assert "~ 2.weight  1 changed, zeros 0 → 1, largest difference" in text
    assert "masks agree on 91.67%, Jaccard 0.000" in text
    assert "float32 → float16, equal values" in text
    torch.save({"model": before, "ema": {name: value * 2 for name, value in before.items()}}, "two.pt")
    main(["diff", "two.pt", "two.pt", "--root-a", "model", "--root-b", "ema", "--json"])
    ratios = [one["relative_difference"] for one in json.loads(capfdbinary.readouterr().out)["tensors"]]
    assert ratios == [1.0] * len(ratios) != []


WRONG_USAGE = (
    ["prune", "net.pt"],
    ["prune", "net.pt", "-o", "o.pt"],
    ["prune", "net.pt", "-o", "o.pt", "--amount", "*.weight"],
    ["prune", "net.pt", "-o", "o.pt", "--amount", "*.weight=1.5"],
    ["prune", "net.pt", "-o", "o.pt", "--amount", "*=0.1", "--form", "none"],
    ["inspect"],
    ["inspect", "net.pt", "--unknown"],
)
AT_FAULT = (
    ["inspect", "missing.pt"],
    ["inspect", "net.pt", "--root", "model"],
    ["prune", "net.pt", "-o", "net.pt", "--amount", "*=0.1"],
    ["prune", "net.pt", "-o", "there.pt", "--amount", "*=0.1"],
    ["prune", "net.pt", "-o", "o.xyz", "--amount", "*=0.1"],
    ["prune", "net.pt", "-o", "nowhere/o.pt", "--amount", "*=0.1"],
    ["prune", "net.pt", "-o", "o.pt", "--amount", "*.wieght=0.1"],
    ["prune", "net.pt", "-o", "o.pt", "--amount", "*=1000"],
    ["prune", "net.pt", "-o", "o.pt", "--amount", "*=0.1", "--device", "cuda:77"],
    ["diff", "net.pt", "missing.pt"],
)


@pytest.mark.parametrize("arguments", WRONG_USAGE, ids=" ".join)
def test_that_wrong_usage_is_status_2(folder, capfd, arguments):
    assert main(arguments) == 2
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("arguments", AT_FAULT, ids=" ".join)
def test_that_a_fault_of_input_or_output_is_status_1_and_one_line(folder, capfd, arguments):
    (folder / "there.pt").write_bytes(b"old")
    assert main(arguments) == 1
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert sorted(file.name for file in folder.iterdir()) == ["net.pt", "there.pt"]
    assert (folder / "there.pt").read_bytes() == b"old"


def test_that_force_replaces_what_is_there(folder):
    (folder / "there.pt").write_bytes(b"old")
    assert main(["prune", "net.pt", "-o", "there.pt", "--amount", "*=0.1", "--force"]) == 0
    assert torch.load("there.pt")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_that_an_interrupt_is_status_130_and_leaves_nothing(folder):
    save_file({"weight": torch.zeros(150_000_000)}, "large.safetensors")
    command = [sys.executable, "-m", "pruner", "prune", "large.safetensors", "-o", "o.safetensors", "--amount", "*=0.5"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while len(list(folder.iterdir())) < 3 and process.poll() is None:
        time.sleep(0.001)  # until the new file begins to be written, under a name of its own
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert sorted(file.name for file in folder.iterdir()) == ["large.safetensors", "net.pt"]
