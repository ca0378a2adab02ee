"""A checkpoint's pruning on live modules."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

import pruner
from pruner import Amount, Plan, PrunerError, Step
from tests.unit.live_modules import unchanged, whole


def network() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))
    net.add_module("block", nn.Sequential(nn.Linear(3, 3)))
    return net


def test_that_a_checkpoints_pruning_goes_onto_a_module_as_torch_would_put_it(tmp_path):
    net, other = network(), network()
    torch.save(net.state_dict(), tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"3.*": 0.5, "0.weight": 0.3, "block.0.bias": 1}))
    assert pruner.apply(net, result) is net
    for name in result:
        owner, _, leaf = name.rpartition(".")
        mask = result[name].mask.to_tensor()
        torch_prune.custom_from_mask(other.get_submodule(owner), leaf, mask)
    assert list(net.state_dict()) == list(other.state_dict())
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in net.state_dict().items())
    example = torch.randn(1, 1, 4, 4)
    assert torch.equal(net(example), other(example))
    pruner.apply(net, pruner.prune(checkpoint, Plan.match(checkpoint, {"3.weight": 1.0})))
    assert not net[3].weight_mask.any()


def test_that_a_result_that_does_not_fit_changes_nothing(tmp_path):
    net = network()
    torch.save({**net.state_dict(), "x.weight": torch.ones(3)}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    other = network()
    other[3] = nn.Linear(16, 5)
    for patterns, module, error, match in (
        ({"0.weight": 0.5, "x.weight": 1}, net, PrunerError, "x.weight"),
        ({"0.weight": 0.5, "3.weight": 0.5}, other, AssertionError, "3.weight"),
        ({"0.weight": 0.5, "1.running_mean": 1}, net, TypeError, "running_mean"),
    ):
        result = pruner.prune(checkpoint, Plan({name: Step(Amount(amount)) for name, amount in patterns.items()}))
        before = [whole(one) for one in module.modules()]
        with pytest.raises(error, match=match) as raised:
            pruner.apply(module, result)
        assert isinstance(raised.value, PrunerError)
        assert all(unchanged(one, state) for one, state in zip(module.modules(), before, strict=True))


def test_that_a_checkpoints_pruning_reaches_all_modules_that_share_a_parameter(tmp_path):
    net = nn.ModuleDict({"embed": nn.Embedding(6, 4), "head": nn.Linear(4, 6, bias=False)})
    net["head"].weight = net["embed"].weight
    torch.save({"embed.weight": net["embed"].weight.detach()}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    pruner.apply(net, pruner.prune(checkpoint, Plan.match(checkpoint, {"embed.weight": 0.5})))
    assert torch.equal(net["embed"].weight_mask, net["head"].weight_mask)
    assert int(net["head"].weight_mask.sum()) == 12
