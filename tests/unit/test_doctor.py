"""The doctor finds and mends faults that plain torch makes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.utils import prune as torch_prune

from pruner import PrunerError, open_checkpoint, save
from pruner.cli import main
from pruner.doctor import Finding, examine, repaired, united
from pruner.prune import Pruning


def net() -> torch.nn.Sequential:
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4))


def found(path: Path, check: str) -> Finding:
    """The one finding of a check."""
    (one,) = [finding for finding in examine(open_checkpoint(path)) if finding.check == check]
    return one


def mended(path: Path, finding: Finding, to: Path, form: str = "permanent") -> dict[str, torch.Tensor]:
    """What plain torch loads of a file saved with the finding's repair."""
    assert finding.repair is not None
    checkpoint, pruning = repaired(open_checkpoint(path), finding.repair)
    save(checkpoint, pruning or Pruning(), to, form)
    loaded = torch.load(to, weights_only=True)
    assert isinstance(loaded, dict)
    return loaded


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_that_a_sound_file_has_no_findings(tmp_path: Path):
    torch.save(net().state_dict(), tmp_path / "a.pt")
    assert examine(open_checkpoint(tmp_path / "a.pt")) == ()


def test_that_a_masked_file_becomes_what_torch_makes_permanent(tmp_path: Path):
    model = net()
    torch_prune.l1_unstructured(model[0], "weight", 0.5)
    torch.save(model.state_dict(), tmp_path / "masked.pt")
    finding = found(tmp_path / "masked.pt", "renamed_keys")
    assert finding.severity == "note"
    assert finding.tensors == ("0.weight_orig",)
    loaded = mended(tmp_path / "masked.pt", finding, tmp_path / "out.pt")
    torch_prune.remove(model[0], "weight")
    assert set(loaded) == set(model.state_dict())
    net().load_state_dict(loaded, strict=True)
    assert all(torch.equal(loaded[name], value) for name, value in model.state_dict().items())
    assert [one.check for one in examine(open_checkpoint(tmp_path / "out.pt"))] == ["unmasked_zeros"]
    archive = zipfile.ZipFile(tmp_path / "out.pt")
    assert sum(one.file_size for one in archive.infolist() if "/data/" in one.filename) == 4 * (48 + 6 + 24 + 4)


def test_that_what_torch_leaves_after_a_failed_second_round_is_found_and_mended(tmp_path: Path):
    model = net()
    torch_prune.l1_unstructured(model[0], "weight", 0.3)
    torch_prune.l1_unstructured(model[2], "weight", 0.3)
    with pytest.raises(ValueError, match="amount"):
        torch_prune.l1_unstructured(model[0], "weight", 10_000)
    assert not torch_prune.is_pruned(model[0])
    for module in (model[0], model[2]):
        module.weight = module.weight.detach()  # what torch can pickle
    torch.save(model, tmp_path / "model.pt")
    finding = found(tmp_path / "model.pt", "lost_hooks")
    assert finding.severity == "fault"
    assert finding.tensors == ("0.weight_orig",)
    loaded = mended(tmp_path / "model.pt", finding, tmp_path / "out.pt")
    product = model[0].weight_orig * model[0].weight_mask
    assert torch.equal(loaded["0.weight"], product.detach())
    assert "2.weight_orig" in loaded
    assert "lost_hooks" not in [one.check for one in examine(open_checkpoint(tmp_path / "out.pt"))]


def test_that_an_original_without_a_mask_gets_its_name_back(tmp_path: Path):
    state = net().state_dict()
    broken = {("0.weight_orig" if name == "0.weight" else name): value for name, value in state.items()}
    torch.save(broken, tmp_path / "broken.pt")
    loaded = mended(tmp_path / "broken.pt", found(tmp_path / "broken.pt", "orphans"), tmp_path / "out.pt")
    assert equal(loaded, dict(state))


def test_that_a_mask_without_an_original_is_dropped(tmp_path: Path):
    state = net().state_dict()
    torch.save({**state, "0.weight_mask": torch.ones(6, 8)}, tmp_path / "broken.pt")
    loaded = mended(tmp_path / "broken.pt", found(tmp_path / "broken.pt", "orphans"), tmp_path / "out.pt")
    assert equal(loaded, dict(state))


def test_that_attention_masks_are_no_orphans(tmp_path: Path):
    torch.save({**net().state_dict(), "attn_mask": torch.ones(4, 4)}, tmp_path / "a.pt")
    assert examine(open_checkpoint(tmp_path / "a.pt")) == ()


def test_that_a_mask_that_is_not_binary_prunes_where_it_is_zero(tmp_path: Path):
    model = net()
    mask = torch.tensor([0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0]).repeat(6, 1)
    torch_prune.custom_from_mask(model[0], "weight", mask)
    torch.save(model.state_dict(), tmp_path / "odd.pt")
    loaded = mended(tmp_path / "odd.pt", found(tmp_path / "odd.pt", "fractional_masks"), tmp_path / "out.pt")
    assert torch.equal(loaded["0.weight"], model[0].weight_orig.detach() * (mask != 0))


def test_that_a_value_that_is_not_the_product_is_dropped(tmp_path: Path):
    model = net()
    torch_prune.l1_unstructured(model[0], "weight", 0.5)
    state = {**model.state_dict(), "0.weight": model[0].weight_orig.detach().clone()}
    torch.save(state, tmp_path / "twice.pt")
    loaded = mended(tmp_path / "twice.pt", found(tmp_path / "twice.pt", "products"), tmp_path / "out.pt")
    assert equal(loaded, dict(model.state_dict()))


def test_that_tied_weights_that_are_masked_on_one_side_become_pruned_on_both(tmp_path: Path):
    model = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(10, 4), "head": torch.nn.Linear(4, 10, bias=False)})
    model["head"].weight = model["embedding"].weight
    torch_prune.l1_unstructured(model["head"], "weight", 0.5)
    torch.save(model.state_dict(), tmp_path / "tied.pt")
    loaded = mended(tmp_path / "tied.pt", found(tmp_path / "tied.pt", "tied_apart"), tmp_path / "out.pt")
    torch_prune.remove(model["head"], "weight")
    assert torch.equal(loaded["head.weight"], model["head"].weight)
    assert torch.equal(loaded["embedding.weight"], model["head"].weight)


def test_that_values_that_are_not_finite_are_found_and_zeroed(tmp_path: Path):
    state = net().state_dict()
    state["0.weight"][1, 2], state["0.weight"][3, 4] = float("nan"), float("-inf")
    torch.save(state, tmp_path / "nan.pt")
    finding = found(tmp_path / "nan.pt", "not_finite")
    assert "1 NaN and 1 infinite" in finding.text
    loaded = mended(tmp_path / "nan.pt", finding, tmp_path / "out.pt")
    assert equal(loaded, {**state, "0.weight": state["0.weight"].nan_to_num(0.0, 0.0, 0.0)})


def test_that_the_negative_zeros_that_torch_leaves_become_positive(tmp_path: Path):
    model = net()
    torch_prune.l1_unstructured(model[0], "weight", 0.5)
    torch_prune.remove(model[0], "weight")
    state = model.state_dict()
    assert bool((state["0.weight"] == 0).logical_and(state["0.weight"].signbit()).any())
    torch.save(state, tmp_path / "signed.pt")
    loaded = mended(tmp_path / "signed.pt", found(tmp_path / "signed.pt", "negative_zeros"), tmp_path / "out.pt")
    assert not loaded["0.weight"][loaded["0.weight"] == 0].signbit().any()
    assert equal(loaded, dict(state))


def test_that_a_collapsed_layer_and_dead_channels_are_told(tmp_path: Path):
    state = net().state_dict()
    state["0.weight"][2] = 0
    state["2.weight"].zero_()
    torch.save(state, tmp_path / "dead.pt")
    assert found(tmp_path / "dead.pt", "collapsed").tensors == ("2.weight",)
    dead = found(tmp_path / "dead.pt", "dead_channels")
    assert dead.tensors == ("0.weight",)
    assert dead.text.startswith("1 output channel in 1 tensor is zero")


def test_that_masks_on_statistics_are_told(tmp_path: Path):
    model = torch.nn.BatchNorm1d(8)
    state = dict(model.state_dict())
    state["running_var_orig"] = state.pop("running_var")
    state["running_var_mask"] = torch.tensor([0.0, 1, 1, 1, 1, 1, 1, 1])
    torch.save(state, tmp_path / "bn.pt")
    finding = found(tmp_path / "bn.pt", "touched")
    assert finding.severity == "fault"
    loaded = mended(tmp_path / "bn.pt", finding, tmp_path / "out.pt")
    model.load_state_dict(loaded, strict=True)
    assert found(tmp_path / "out.pt", "touched").severity == "risk"


def test_that_what_no_tensor_sees_is_left_out(tmp_path: Path):
    large = torch.randn(1000, 1000)
    torch.save({"small": large[:2, :2], "whole": torch.ones(3), "note": "kept"}, tmp_path / "view.pt")
    finding = found(tmp_path / "view.pt", "inflated")
    assert finding.tensors == ("small",)
    loaded = mended(tmp_path / "view.pt", finding, tmp_path / "out.pt")
    assert torch.equal(loaded["small"], large[:2, :2])
    assert loaded["note"] == "kept"
    assert (tmp_path / "out.pt").stat().st_size < 4_000


def test_that_a_flipped_byte_is_told_where_torch_says_nothing(tmp_path: Path):
    state = net().state_dict()
    torch.save(state, tmp_path / "a.pt")
    data = bytearray((tmp_path / "a.pt").read_bytes())
    data[data.index(state["0.weight"].numpy().tobytes()) + 5] ^= 1
    (tmp_path / "b.pt").write_bytes(data)
    assert not torch.equal(torch.load(tmp_path / "b.pt", weights_only=True)["0.weight"], state["0.weight"])
    finding = found(tmp_path / "b.pt", "checksums")
    assert finding.tensors == ("0.weight",)
    assert finding.repair is None


def test_that_a_permanent_file_becomes_the_masked_one_that_it_was(tmp_path: Path):
    model = net()
    torch_prune.l1_unstructured(model[0], "weight", 0.5)
    masked = dict(model.state_dict())
    torch_prune.remove(model[0], "weight")
    torch.save(model.state_dict(), tmp_path / "zeros.pt")
    loaded = mended(tmp_path / "zeros.pt", found(tmp_path / "zeros.pt", "unmasked_zeros"), tmp_path / "m.pt", "masked")
    assert list(loaded) == list(masked)
    assert torch.equal(loaded["0.weight_mask"], masked["0.weight_mask"])
    assert torch.equal(loaded["0.weight_orig"], masked["0.weight_orig"] * masked["0.weight_mask"])
    for module in (fresh := net())[:1]:
        torch_prune.identity(module, "weight")
    fresh.load_state_dict(loaded, strict=True)
    file = str(tmp_path / "zeros.pt")
    assert (
        main(["check", file, "--repair", str(tmp_path / "c.pt"), "--only", "unmasked_zeros", "--form", "masked"]) == 0
    )
    assert "0.weight_mask" in torch.load(tmp_path / "c.pt", weights_only=True)


def test_that_the_state_beside_the_weights_is_kept_and_dropped_numbers_are_not(tmp_path: Path):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9, lr=0.1)
    model(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    torch_prune.l1_unstructured(model[0], "weight", 0.5)
    state = {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    torch.save(state, tmp_path / "training.pt")
    loaded = mended(tmp_path / "training.pt", found(tmp_path / "training.pt", "renamed_keys"), tmp_path / "out.pt")
    assert loaded["epoch"] == 3
    momenta = [one["momentum_buffer"] for one in loaded["optimizer"]["state"].values()]
    before = [one["momentum_buffer"] for one in state["optimizer"]["state"].values()]
    assert all(torch.equal(a, b) for a, b in zip(momenta, before, strict=True))
    assert "0.weight" in loaded["state_dict"]


def test_that_all_repairs_of_a_file_go_together(tmp_path: Path):
    model = net()
    torch_prune.l1_unstructured(model[0], "weight", 0.5)
    state = {**model.state_dict(), "2.bias_mask": torch.ones(4)}
    with torch.no_grad():
        state["0.weight_orig"][0, 0] = float("nan")
    torch.save(state, tmp_path / "ill.pt")
    checkpoint = open_checkpoint(tmp_path / "ill.pt")
    repair = united(one.repair for one in examine(checkpoint) if one.repair is not None)
    made, pruning = repaired(checkpoint, repair)
    assert list(made.tensors) == ["0.bias", "0.weight", "2.weight", "2.bias"]
    save(made, pruning or Pruning(), tmp_path / "out.pt")
    assert [one.check for one in examine(open_checkpoint(tmp_path / "out.pt"))] == ["unmasked_zeros"]


def test_that_the_source_is_never_touched_and_a_taken_name_is_told(tmp_path: Path):
    state = {"w_orig": torch.ones(2), "w": torch.ones(2)}
    torch.save(state, tmp_path / "a.pt")
    before = (tmp_path / "a.pt").read_bytes()
    finding = found(tmp_path / "a.pt", "orphans")
    assert finding.repair is not None
    assert finding.repair.dropped == {"w_orig"}
    assert main(["check", str(tmp_path / "a.pt"), "--repair", str(tmp_path / "a.pt"), "--force"]) == 1
    assert (tmp_path / "a.pt").read_bytes() == before


def test_that_two_repairs_that_disagree_are_refused(tmp_path: Path):
    from pruner.doctor import Repair

    with pytest.raises(PrunerError, match="choose one"):
        united([Repair("a", {"x": "y"}), Repair("b", dropped=frozenset({"x"}))])


def test_that_the_command_finds_and_mends(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    state = net().state_dict()
    state["0.weight"][0, 0] = float("nan")
    torch.save(state, tmp_path / "a.pt")
    assert main(["check", str(tmp_path / "a.pt"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["check"] for one in told["findings"]] == ["not_finite"]
    assert main(["check", str(tmp_path / "a.pt"), "--repair", str(tmp_path / "b.pt")]) == 0
    assert "Saved" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "b.pt")]) == 0
    assert "nothing was found" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "b.pt"), "--repair", str(tmp_path / "c.pt")]) == 1
    assert not (tmp_path / "c.pt").exists()


def test_that_safetensors_are_mended_too(tmp_path: Path):
    model = net()
    torch_prune.l1_unstructured(model[0], "weight", 0.5)
    save_file(model.state_dict(), tmp_path / "a.safetensors")
    finding = found(tmp_path / "a.safetensors", "renamed_keys")
    assert finding.repair is not None
    made, pruning = repaired(open_checkpoint(tmp_path / "a.safetensors"), finding.repair)
    save(made, pruning or Pruning(), tmp_path / "b.safetensors")
    after = load_file(tmp_path / "b.safetensors")
    torch_prune.remove(model[0], "weight")
    assert equal(after, dict(model.state_dict()))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "net.py"
    path.write_text(
        "def build(width=6):\n    import torch.nn as n\n    return n.Sequential(n.Linear(8, width), n.ReLU())\n"
    )
    return f"{path}:build"


def test_that_a_prefix_is_folded_when_held_against_a_model(tmp_path: Path, model: str, capsys):
    state = torch.nn.Sequential(torch.nn.Linear(8, 6)).state_dict()
    torch.save({f"module.{name}": value for name, value in state.items()}, tmp_path / "a.pt")
    assert main(["check", str(tmp_path / "a.pt"), "--against", model]) == 1
    assert "prefix “module.”" in capsys.readouterr().out
    out = tmp_path / "b.pt"
    assert main(["check", str(tmp_path / "a.pt"), "--against", model, "--repair", str(out)]) == 0
    torch.nn.Sequential(torch.nn.Linear(8, 6)).load_state_dict(torch.load(out, weights_only=True), strict=True)


def test_that_what_a_strict_load_complains_of_is_told(tmp_path: Path, model: str, capsys):
    torch.save({"0.weight": torch.ones(6, 8), "head.weight": torch.ones(2, 2)}, tmp_path / "a.pt")
    assert main(["check", str(tmp_path / "a.pt"), "--against", model, "--arguments", '{"width": 5}', "--json"]) == 1
    texts = [one["text"] for one in json.loads(capsys.readouterr().out)["findings"]]
    assert "is [6, 8] and not [5, 8]" in texts[0]
    assert "“head.weight”" in texts[1]
    assert "“0.bias”" in texts[2]
    assert main(["check", str(tmp_path / "a.pt"), "--against", "gone.py:build"]) == 1
    assert main(["check", str(tmp_path / "a.pt"), "--against", model, "--arguments", "5"]) == 2
