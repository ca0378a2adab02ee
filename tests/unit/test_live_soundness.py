"""Live modules where torch corrupts: what its documentation promises holds."""

import copy
import gc
import weakref
from unittest import mock

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

import pruner as prune
from pruner import PrunerError
from tests.unit.live_modules import linear, unchanged, whole


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 3), lambda: nn.LSTM(4, 3)])
@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_that_a_failed_round_leaves_everything_as_it_was(make, rounds):
    module = make()
    name = "weight" if isinstance(module, nn.Linear) else "weight_hh_l0"
    for _ in range(rounds):
        prune.l1_unstructured(module, name, 0.5)
    before = whole(module)
    failures = [
        lambda: prune.l1_unstructured(module, name, 1000),
        lambda: prune.l1_unstructured(module, name, -1),
        lambda: prune.custom_from_mask(module, name, torch.ones(2)),
        lambda: prune.ln_structured(module, name, 1, n=2, dim=7),
        lambda: prune.random_structured(module, name, 1000, dim=0),
        lambda: prune.global_unstructured([(module, name), (module, name[:-1] + "x")], prune.L1Unstructured, amount=1),
    ]
    with mock.patch("pruner.live.base.masked", side_effect=MemoryError), pytest.raises(MemoryError):
        prune.l1_unstructured(module, name, 1)
    assert unchanged(module, before)
    for failure in failures:
        with pytest.raises(PrunerError):
            failure()
        assert unchanged(module, before)
    assert prune.is_pruned(module) == bool(rounds)
    if rounds:
        prune.remove(module, name)


def test_that_a_name_that_is_taken_leaves_everything_as_it_was():
    module = nn.Linear(3, 2)
    module.weight_mask = "mine"
    before = whole(module)
    with pytest.raises(KeyError):
        prune.l1_unstructured(module, "weight", 1)
    assert unchanged(module, before)


def test_that_global_pruning_that_fails_halfway_changes_no_module():
    modules = [nn.Linear(3, 2), nn.LSTM(3, 2), nn.Linear(3, 2)]
    names = ["weight", "weight_ih_l0", "weight"]
    prune.l1_unstructured(modules[0], "weight", 1)
    prune.l1_unstructured(modules[0], "weight", 1)
    modules[2].weight_mask = "mine"
    before = [whole(module) for module in modules]
    flat = [id(one) for one in modules[1]._flat_weights]
    with pytest.raises(KeyError):
        prune.global_unstructured(zip(modules, names, strict=True), prune.L1Unstructured, amount=0.5)
    assert all(unchanged(module, one) for module, one in zip(modules, before, strict=True))
    assert [id(one) for one in modules[1]._flat_weights] == flat


def test_that_what_is_no_parameter_is_refused():
    module = nn.Linear(3, 2, bias=False)
    module.register_buffer("scale", torch.ones(3))
    before = whole(module)
    with pytest.raises(TypeError, match=r"bias.*None"):
        prune.l1_unstructured(module, "bias", 1)
    with pytest.raises(TypeError, match="scale"):
        prune.l1_unstructured(module, "scale", 1)
    with pytest.raises(AttributeError, match="nothing"):
        prune.l1_unstructured(module, "nothing", 1)
    assert unchanged(module, before)


@pytest.mark.parametrize("method", ["l1", "random", "global"])
def test_that_strides_do_not_matter(method):
    values = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    masks = []
    for strided in (
        values,
        values.to(memory_format=torch.channels_last),
        values.transpose(0, 1).contiguous().transpose(0, 1),
    ):
        module = nn.Conv2d(5, 6, 3)
        module.weight = nn.Parameter(strided)
        torch.manual_seed(1)
        for _ in range(2):
            if method == "l1":
                prune.l1_unstructured(module, "weight", 0.4)
            elif method == "random":
                prune.random_unstructured(module, "weight", 0.4)
            else:
                prune.global_unstructured([(module, "weight")], prune.L1Unstructured, amount=0.4)
        masks.append(module.weight_mask)
        assert torch.equal(module.weight, values * module.weight_mask)
        module(torch.randn(1, 5, 4, 4)).sum().backward()
    assert torch.equal(masks[0], masks[1])
    assert torch.equal(masks[0], masks[2])


def test_that_a_later_round_sees_the_values_as_they_are_now():
    module = linear([[1.0, 2, 3, 4]])
    prune.l1_unstructured(module, "weight", 1)
    with torch.no_grad():
        module.weight_orig.copy_(torch.tensor([[9.0, 8, 7, 6]]))  # as an optimizer's step does
    prune.l1_unstructured(module, "weight", 1)
    assert module.weight_mask.tolist() == [[0, 1, 1, 0]]
    with torch.no_grad():
        module.weight_orig.copy_(torch.tensor([[9.0, 1, 2, 6]]))
    prune.ln_structured(module, "weight", 1, n=1, dim=1)
    assert module.weight_mask.tolist() == [[0, 0, 1, 0]]


@pytest.mark.parametrize(
    "dtype", [torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz]
)
def test_that_float8_is_pruned(dtype):
    module = nn.Module()
    module.weight = nn.Parameter(torch.tensor([[1.0, -2, 3, -4], [0.5, 6, -7, 8]]).to(dtype), requires_grad=False)
    prune.l1_unstructured(module, "weight", 2)
    prune.l1_unstructured(module, "weight", 1)
    prune.ln_structured(module, "weight", 1, n=2, dim=1)
    prune.random_unstructured(module, "weight", 1)
    prune.custom_from_mask(module, "weight", torch.ones(2, 4))
    assert module.weight_mask.dtype == module.weight.dtype == dtype
    assert int(module.weight_mask.float().sum()) <= 4
    assert module.weight.float()[0, :2].tolist() == [0, 0]
    prune.remove(module, "weight")
    assert not module.weight.view(torch.uint8)[0, :2].any()


def test_that_modules_that_share_a_parameter_get_one_mask_when_all_are_named():
    net = nn.ModuleDict({"embed": nn.Embedding(6, 4), "head": nn.Linear(4, 6, bias=False), "rest": nn.Linear(4, 2)})
    net["head"].weight = net["embed"].weight
    places = [(net["embed"], "weight"), (net["head"], "weight"), (net["rest"], "weight")]
    prune.global_unstructured(places, prune.RandomUnstructured, amount=16)
    assert torch.equal(net["embed"].weight_mask, net["head"].weight_mask)
    assert int((net["head"].weight_mask == 0).sum() + (net["rest"].weight_mask == 0).sum()) == 16
    assert net["head"].weight_orig is net["embed"].weight_orig
    prune.global_unstructured(places, prune.L1Unstructured, amount=8)
    assert torch.equal(net["embed"].weight_mask, net["head"].weight_mask)
    for module, name in places:
        prune.remove(module, name)
    assert net["head"].weight is net["embed"].weight


@pytest.mark.parametrize("count", [6, 1_000_000])
def test_that_pruned_nan_and_infinity_become_zero(count):
    values = torch.linspace(1, 2, count)
    values[:3] = torch.tensor([float("nan"), float("inf"), -float("inf")])
    values[5] = float("nan")
    mask = torch.ones(count)
    mask[:4] = 0
    module = nn.Module()
    module.weight = nn.Parameter(values)
    prune.custom_from_mask(module, "weight", mask)
    assert module.weight[:4].tolist() == [0, 0, 0, 0]
    assert module.weight[5].isnan()
    module.weight[:5].sum().backward()
    assert module.weight_orig.grad[:6].tolist() == [0, 0, 0, 0, 1, 0]
    (hook,) = module._forward_pre_hooks.values()
    hook(module, None)
    assert module.weight[:4].tolist() == [0, 0, 0, 0]
    prune.remove(module, "weight")
    assert module.weight[:4].tolist() == [0, 0, 0, 0]
    assert prune.CustomFromMask(mask).prune(values)[:4].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("api", [torch_prune, prune])
def test_that_permanent_zeros_are_positive_and_kept_ones_as_they_were(api):
    module = linear([[-1.0, -0.0, -3, 4]])
    api.custom_from_mask(module, "weight", torch.tensor([[0, 1, 1, 0]]))
    prune.remove(module, "weight")
    assert module.weight.signbit().tolist() == [[False, True, True, False]]


@pytest.mark.parametrize("wrong", [[[0.5, 1]], [[2, 1]], [[float("nan"), 0]], [[-1, 1]]])
def test_that_masks_of_other_numbers_than_0_and_1_are_refused(wrong):
    module = nn.Linear(2, 1)
    before = whole(module)
    with pytest.raises(ValueError, match="0, which prunes"):
        prune.custom_from_mask(module, "weight", torch.tensor(wrong))
    assert unchanged(module, before)


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 3), lambda: nn.LSTM(4, 3)])
@pytest.mark.parametrize("rounds", [1, 2])
def test_that_a_pruned_module_is_copied_in_depth(make, rounds):
    net = nn.Sequential(make())
    name = "weight" if isinstance(net[0], nn.Linear) else "weight_ih_l0"
    for _ in range(rounds):
        prune.l1_unstructured(net[0], name, 0.5)
    for _ in range(2):
        found = copy.deepcopy(net)
        assert list(found.state_dict()) == list(net.state_dict())
        assert torch.equal(getattr(found[0], name), getattr(net[0], name))
        assert getattr(found[0], name) is not getattr(net[0], name)
        getattr(found[0], name).sum().backward()
        assert torch.equal(getattr(found[0], f"{name}_orig").grad, getattr(found[0], f"{name}_mask"))
        assert getattr(net[0], f"{name}_orig").grad is None
        found.zero_grad()
        prune.remove(copy.deepcopy(found)[0], name)
        net(torch.randn(2, 4))
        net = found


def test_that_pruning_holds_no_module_in_memory():
    module = prune.l1_unstructured(nn.Linear(3, 2), "weight", 1)
    module(torch.randn(1, 3))
    gone = weakref.ref(module)
    del module
    gc.collect()
    assert gone() is None


def test_that_a_hook_that_never_runs_is_warned_of():
    module = nn.MultiheadAttention(4, 2)
    with pytest.warns(UserWarning, match="out_proj") as caught:
        prune.l1_unstructured(module.out_proj, "weight", 0.5)
    assert caught[0].filename == __file__
    assert prune.is_pruned(module)
    prune.l1_unstructured(module, "in_proj_weight", 0.5)
    one = torch.randn(3, 1, 4)
    module(one, one, one)
