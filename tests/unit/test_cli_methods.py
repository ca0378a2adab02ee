"""`secateur prune` by every method: torch is the oracle."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import prune as torch_prune

from pruner.cli import main

DATA = Path(__file__).parents[1] / "data"
WEIGHTS = "*.weight=30%"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A folder with real checkpoints, and with a network, its masks and its scores."""
    monkeypatch.chdir(tmp_path)
    for file in ("facenet/pnet.pt", "lpips/vgg-v0.0.pth", "attacut/attacut-sc.pth"):
        shutil.copy(DATA / file, tmp_path)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(16, 12))
    torch.save(net.state_dict(), "net.pt")
    save_file({f"{name}.weight": torch.rand(net[int(name)].weight.shape) for name in "02"}, "scores.safetensors")
    for name in "02":
        torch_prune.random_unstructured(net[int(name)], "weight", 0.4)
    torch.save(net.state_dict(), "masked.pt")
    return tmp_path


def state_of(file: str) -> dict[str, torch.Tensor]:
    return load_file(file) if file.endswith("safetensors") else torch.load(file, map_location="cpu")


@pytest.fixture
def pruned(folder, capfdbinary):
    """Prunes a file; gives the JSON's tensors by name, and what was saved."""

    def run(file: str, *arguments: str) -> tuple[dict[str, dict], dict[str, torch.Tensor]]:
        out = f"out{Path(file).suffix}"
        status = main(["prune", file, "-o", out, "--json", "--force", *arguments])
        printed = capfdbinary.readouterr()
        assert status == 0, printed.err
        return {one["name"]: one for one in json.loads(printed.out)["tensors"]}, state_of(out)

    return run


def same(found: dict[str, torch.Tensor], source: str, expected: dict[str, torch.Tensor]) -> None:
    """The saved tensors are those expected, and the source's where nothing else is expected."""
    before = state_of(source)
    assert list(found) == list(before)
    for name, tensor in before.items():
        assert torch.equal(found[name], expected.get(name, tensor)), name


@pytest.mark.parametrize(("n", "dim"), [(1, 0), (2, 1), (2, -1), (math.inf, 0)])
def test_that_ln_structured_prunes_the_channels_that_torch_does(pruned, n, dim):
    options = ["--method", "ln_structured", "--option", f"n={n}", "--option", f"dim={dim}"]
    reported, found = pruned("pnet.pt", *options, "--amount", "conv?.weight=30%")
    before = state_of("pnet.pt")
    expected = {name: torch_prune.LnStructured(0.3, n, dim).prune(before[name]) for name in reported}
    assert list(reported) == ["conv1.weight", "conv2.weight", "conv3.weight"]
    same(found, "pnet.pt", expected)


def test_that_the_scope_global_prunes_what_torch_does(pruned):
    reported, found = pruned("pnet.pt", "--scope", "global", "--amount", "*.weight=45%")
    before = state_of("pnet.pt")
    owners = {name: nn.Module() for name in reported}
    for name, owner in owners.items():
        owner.weight = nn.Parameter(before[name].contiguous())  # torch fails on others
    torch_prune.global_unstructured(
        [(one, "weight") for one in owners.values()], torch_prune.L1Unstructured, amount=0.45
    )
    assert {one["scope"] for one in reported.values()} == {"global"}
    same(found, "pnet.pt", {name: owner.weight.detach() for name, owner in owners.items()})


def test_that_floors_and_ceilings_hold_and_the_smallest_of_the_rest_are_pruned(pruned):
    bounds = ["--floor", "conv1.*=50%", "--ceiling", "*=90%", "--ceiling", "conv3.weight=0.2"]
    reported, found = pruned("pnet.pt", "--scope", "global", "--amount", "*.weight=30%", *bounds)
    before = state_of("pnet.pt")
    assert sum(one["pruned"] for one in reported.values()) == round(
        0.3 * sum(one["numel"] for one in reported.values())
    )
    assert reported["conv1.weight"]["pruned"] == 135
    assert reported["conv3.weight"]["pruned"] == math.floor(0.2 * 4608)
    assert reported["conv4_2.weight"]["pruned"] == math.floor(0.9 * 128)
    free = [name for name in reported if name not in ("conv1.weight", "conv3.weight", "conv4_2.weight")]
    assert all(reported[name]["pruned"] < 0.9 * reported[name]["numel"] for name in free)
    gone, left = (
        torch.cat([before[name][(found[name] == 0) == is_gone].abs() for name in free]) for is_gone in (True, False)
    )
    assert gone.max() < left.min()


def test_that_the_last_floor_and_the_last_option_win(pruned):
    floors = ["--floor", "conv1.weight=10%", "--floor", "*=0", "--floor", "conv1.weight=60%"]
    reported, _ = pruned("pnet.pt", "--scope", "global", "--amount", "*.weight=30%", *floors)
    assert reported["conv1.weight"]["pruned"] == 162
    options = ["--method", "ln_structured", "--option", "dim=1", "--option", "dim=0"]
    reported, _ = pruned("pnet.pt", *options, "--amount", "conv1.weight=1")
    assert reported["conv1.weight"]["options"] == {"n": 2.0, "dim": 0}


@pytest.mark.parametrize("amount", ["to 80%", "to 0.8", "To 80 %"])
def test_that_a_target_counts_the_zeros_that_are_there(pruned, amount):
    reported, found = pruned("vgg-v0.0.pth", "--amount", f"*={amount}")
    before = state_of("vgg-v0.0.pth")
    assert any(bool((tensor == 0).sum() > 0.8 * tensor.numel()) for tensor in before.values())
    for name, tensor in before.items():
        wanted = max(round(0.8 * tensor.numel()), int((tensor == 0).sum()))
        order = tensor.abs().flatten().argsort(stable=True)[wanted:]
        expected = torch.zeros(tensor.numel()).index_copy(0, order, tensor.flatten()[order]).reshape(tensor.shape)
        assert torch.equal(found[name], expected)
        assert (reported[name]["amount"], reported[name]["target"]) == (0.8, True)
        assert reported[name]["zeros"] == wanted


def test_that_a_global_target_is_met_by_all_tensors_together(pruned):
    reported, found = pruned("vgg-v0.0.pth", "--scope", "global", "--amount", "*=to 80%")
    numel = sum(tensor.numel() for tensor in found.values())
    assert sum(int((tensor == 0).sum()) for tensor in found.values()) == round(0.8 * numel)
    assert all(one["target"] for one in reported.values())


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 8)])
def test_that_n_m_keeps_the_largest_of_each_group(pruned, n, m):
    options = ["--method", "n_m", "--option", f"n={n}", "--option", f"m={m}"]
    reported, found = pruned("attacut-sc.pth", *options, "--tensors", "linear?.weight")
    expected = {}
    for name in reported:
        groups = state_of("attacut-sc.pth")[name].unflatten(1, (-1, m))
        kept = groups.abs().topk(n, dim=-1).indices
        expected[name] = torch.zeros_like(groups).scatter(-1, kept, groups.gather(-1, kept)).flatten(1)
    assert list(reported) == ["linear1.weight", "linear2.weight"]
    assert [one["amount"] for one in reported.values()] == [None, None]
    assert reported["linear1.weight"]["options"] == {"n": n, "m": m, "dim": 1}
    same(found, "attacut-sc.pth", expected)


def test_that_a_mask_that_torch_made_prunes_what_it_did_there(pruned):
    reported, found = pruned(
        "net.pt", "--method", "custom_from_mask", "--option", "file=masked.pt", "--tensors", "[02].weight"
    )
    masked = state_of("masked.pt")
    assert reported["0.weight"]["options"] == {"file": "masked.pt"}
    same(
        found,
        "net.pt",
        {f"{name}.weight": masked[f"{name}.weight_orig"] * masked[f"{name}.weight_mask"] for name in "02"},
    )


def test_that_scores_prune_what_torch_prunes_by_them(pruned):
    options = ["--method", "scores", "--option", "file=scores.safetensors"]
    _, found = pruned("net.pt", *options, "--amount", "[02].weight=30%")
    scores, expected = state_of("scores.safetensors"), {}
    for name, tensor in state_of("net.pt").items():
        if name in scores:
            expected[name] = torch_prune.L1Unstructured(0.3).prune(tensor, importance_scores=scores[name])
    same(found, "net.pt", expected)


def test_that_a_threshold_prunes_all_up_to_it(pruned):
    reported, found = pruned(
        "attacut-sc.pth", "--method", "threshold", "--option", "value=0.01", "--tensors", "*.weight"
    )
    before = state_of("attacut-sc.pth")
    same(found, "attacut-sc.pth", {name: before[name].where(before[name].abs() > 0.01, 0) for name in reported})


def test_that_a_seed_decides_what_chance_prunes(pruned):
    found = [
        pruned("net.pt", "--method", method, "--option", f"seed={seed}", "--amount", "2.weight=25%")[1]["2.weight"]
        for method in ("random_unstructured", "random_structured")
        for seed in (1, 1, 2)
    ]
    assert [int((tensor == 0).sum()) for tensor in found] == [48] * 6
    assert [int((tensor == 0).all(1).sum()) for tensor in found[3:]] == [3] * 3
    for first in (0, 3):
        assert torch.equal(found[first], found[first + 1])
        assert not torch.equal(found[first], found[first + 2])


def test_that_json_tells_the_method_its_options_and_the_scope(pruned):
    reported, _ = pruned("net.pt", "--amount", "2.weight=5")
    assert {key: reported["2.weight"][key] for key in ("method", "options", "scope", "amount")} == {
        "method": "l1_unstructured",
        "options": {},
        "scope": "local",
        "amount": 5,
    }
    assert "target" not in reported["2.weight"]


def test_that_an_option_in_json_can_be_given_again(pruned):
    options = ["--method", "ln_structured", "--amount", "2.weight=5"]
    reported, found = pruned("net.pt", *options, "--option", "n=inf")
    again = [part for key, value in reported["2.weight"]["options"].items() for part in ("--option", f"{key}={value}")]
    assert "n=inf" in again
    assert torch.equal(pruned("net.pt", *options, *again)[1]["2.weight"], found["2.weight"])


@pytest.mark.parametrize("method", [["--scope", "global"], ["--method", "ln_structured"]])
def test_that_little_memory_changes_nothing(pruned, method):
    arguments = [*method, "--amount", "conv*.weight=40%"]
    _, found = pruned("pnet.pt", *arguments)
    _, again = pruned("pnet.pt", *arguments, "--memory", "1kB")
    assert all(torch.equal(found[name], again[name]) for name in found)


def test_that_the_text_names_method_scope_and_what_was_passed_over(folder, capfd):
    arguments = ["--method", "ln_structured", "--option", "dim=1", "--amount", "*=100%"]
    assert main(["prune", "net.pt", "-o", "out.pt", *arguments]) == 0
    out = capfd.readouterr().out
    assert out.startswith("Ln structured (dimension 1), each tensor by itself (scope local):")
    assert "4 tensors passed over that Ln structured does not fit, such as “0.bias”" in out
    assert "3 tensors passed over: buffers" in out
    assert "! “0.weight” has lost all of its 216 elements." in out
    assert main(["prune", "net.pt", "-o", "out.pt", "--force", "--scope", "global", "--amount", WEIGHTS]) == 0
    assert "L1 unstructured, all tensors together (scope global):" in capfd.readouterr().out


def test_that_the_text_tells_the_sparsity_that_a_target_arrived_at(folder, capfd):
    assert main(["prune", "vgg-v0.0.pth", "-o", "out.pth", "--amount", "lin1.*=to 80%"]) == 0
    out = capfd.readouterr().out
    zeros = int((torch.load("vgg-v0.0.pth", map_location="cpu")["lin1.model.1.weight"] == 0).sum())
    assert f"0 of          128 pruned  sparsity {100 * zeros / 128:>6.2f}%" in out
