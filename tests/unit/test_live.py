"""torch's interface for live modules: its behaviours."""

import io
import pickle
from unittest import mock

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

import pruner
import pruner as prune
from tests.unit.live_modules import linear, unchanged, whole

PRUNABLE = [
    (make, name) for make in (lambda: nn.Linear(5, 7), lambda: nn.Conv3d(2, 2, 2)) for name in ("weight", "bias")
]


@pytest.mark.parametrize(("make", "name"), PRUNABLE)
def test_that_pruning_renames_the_parameter_and_removing_takes_that_back(make, name):
    module = make()
    original = getattr(module, name)
    assert prune.random_unstructured(module, name=name, amount=0.5) is module
    assert getattr(module, f"{name}_orig") is original
    assert dict(module.named_buffers())[f"{name}_mask"].shape == original.shape
    assert name not in dict(module.named_parameters())
    pruned = getattr(module, name)
    assert torch.equal(pruned, original * getattr(module, f"{name}_mask"))
    assert pruned.requires_grad
    assert prune.remove(module, name) is module
    assert getattr(module, name) is original
    assert torch.equal(original, pruned)
    assert not dict(module.named_buffers())
    with pytest.raises(ValueError, match="has to be pruned before pruning can be removed"):
        prune.remove(module, name)


@pytest.mark.parametrize("act", [lambda module: prune.identity(module, "weight"),
                                 lambda module: prune.random_unstructured(module, "weight", 0)])  # fmt: skip
def test_that_a_mask_of_ones_changes_neither_forward_nor_backward(act):
    module, example = nn.Linear(5, 2), torch.ones(1, 5)
    expected = module(example)
    expected.sum().backward()
    slopes = module.weight.grad.clone(), module.bias.grad.clone()
    module.zero_grad()
    act(module)
    assert module.weight_mask.all()
    found = module(example)
    assert torch.equal(found, expected)
    found.sum().backward()
    assert torch.equal(module.weight_orig.grad, slopes[0])
    assert torch.equal(module.bias.grad, slopes[1])
    assert torch.equal(module(example), module(example))


def test_that_pruned_elements_have_no_gradient_and_are_not_trained():
    module, example = nn.Linear(5, 2), torch.ones(1, 5)
    mask = torch.ones(2, 5)
    mask[1, 0] = mask[0, 3] = 0
    with mock.patch("pruner.live.random_unstructured.RandomUnstructured.compute_mask") as compute_mask:
        compute_mask.return_value = mask
        prune.random_unstructured(module, "weight", 0.9)
    module(example).sum().backward()
    assert torch.equal(module.weight_orig.grad, mask)
    before = module.weight_orig.detach().clone()
    torch.optim.SGD(module.parameters(), lr=1.0).step()
    assert torch.equal(module.weight_orig == before, mask == 0)
    found = module(example)
    assert torch.equal(found, nn.functional.linear(example, module.weight_orig * mask, module.bias))
    prune.remove(module, "weight")
    assert torch.equal(module(example), found)


def test_that_an_optimizer_made_before_keeps_its_parameter():
    module = nn.Linear(5, 2, bias=False)
    (before,) = module.parameters()
    prune.l1_unstructured(module, "weight", 0.9)
    assert next(module.parameters()) is before
    prune.remove(module, "weight")
    assert next(module.parameters()) is before


@pytest.mark.parametrize(("make", "name"), PRUNABLE)
def test_that_pruned_modules_are_pickled(make, name):
    module = prune.random_unstructured(make(), name, 0.3)
    module(torch.randn(5) if isinstance(module, nn.Linear) else torch.randn(1, 2, 3, 3, 3))
    found = pickle.loads(pickle.dumps(module))
    assert torch.equal(getattr(found, name), getattr(module, name))
    assert prune.is_pruned(found)


def test_that_saved_models_and_state_dicts_load():
    model = nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 1))
    prune.l1_unstructured(module=model[0], name="weight", amount=0.9)
    assert list(model.state_dict()) == ["0.bias", "0.weight_orig", "0.weight_mask", "2.weight", "2.bias"]
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    found = torch.load(file, weights_only=False)
    assert list(found.state_dict()) == list(model.state_dict())
    assert torch.equal(found[0].weight, model[0].weight)
    pruned = model[0].weight
    prune.remove(module=model[0], name="weight")
    fresh = nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 1))
    fresh.load_state_dict(model.state_dict())
    assert list(fresh.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert sorted(model.state_dict()) == sorted(fresh.state_dict())
    assert torch.equal(fresh[0].weight, pruned)


def test_that_later_rounds_make_a_container():
    module = nn.Conv3d(2, 2, 2)
    prune.l1_unstructured(module, name="weight", amount=0.1)
    first = module.weight_mask
    prune.ln_structured(module, name="weight", amount=0.3, n=2, dim=0)
    (hook,) = module._forward_pre_hooks.values()
    assert isinstance(hook, torch_prune.PruningContainer)
    assert (hook._tensor_name, len(hook)) == ("weight", 2)
    assert isinstance(hook[0], torch_prune.L1Unstructured)
    assert isinstance(hook[1], torch_prune.LnStructured)
    assert not module.weight_mask[first == 0].any()
    prune.ln_structured(module, name="weight", amount=0.1, n=float("inf"), dim=1)
    (hook,) = module._forward_pre_hooks.values()
    assert [type(one).__name__ for one in hook] == ["L1Unstructured", "LnStructured", "LnStructured"]


def test_that_a_container_takes_methods_of_its_tensor_only():
    container = prune.PruningContainer()
    container._tensor_name = "test"
    assert len(container) == 0
    method, other = prune.L1Unstructured(amount=2), prune.L1Unstructured(amount=2)
    method._tensor_name, other._tensor_name = "test", "another"
    container.add_pruning_method(method)
    with pytest.raises(ValueError, match="another"):
        container.add_pruning_method(other)
    for wrong in (10, "ugh"):
        with pytest.raises(TypeError):
            container.add_pruning_method(wrong)
    assert len(prune.PruningContainer(method)) == 1
    assert prune.PruningContainer(method)._tensor_name == "test"


def test_that_a_container_gives_each_method_what_its_type_is_to_see():
    container = prune.PruningContainer()
    container._tensor_name = "test"
    values = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    before = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 1]])
    for method, expected in (
        (prune.L1Unstructured(amount=2), [[0, 0, 1, 0], [1, 1, 0, 1]]),
        (prune.LnStructured(amount=1, n=2, dim=0), [[0, 0, 0, 0], [1, 1, 0, 1]]),
        (prune.LnStructured(amount=1, n=2, dim=1), [[0, 1, 1, 0], [0, 1, 0, 1]]),
    ):
        method._tensor_name = "test"
        container.add_pruning_method(method)
        found = container.compute_mask(values, before)
        assert found.dtype == torch.float32
        assert found.tolist() == expected
    wrong = type("Wrong", (prune.L1Unstructured,), {"PRUNING_TYPE": "odd", "compute_mask": lambda self, t, m: m})(1)
    wrong._tensor_name = "test"
    container.add_pruning_method(wrong)
    with pytest.raises(ValueError, match="PRUNING_TYPE"):
        container.compute_mask(values, before)


def test_that_l1_takes_the_smallest_round_after_round():
    module = linear([[1.0, 2, 3, 4], [-4, -3, -2, -1]])
    prune.l1_unstructured(module, "weight", amount=2)
    assert module.weight.tolist() == [[0, 2, 3, 4], [-4, -3, -2, 0]]
    prune.l1_unstructured(module, "weight", amount=2)
    assert module.weight.tolist() == [[0, 0, 3, 4], [-4, -3, 0, 0]]


def test_that_scores_count_in_place_of_values():
    module = linear([[1.0, 2, 3, 4], [-4, -3, -2, -1]])
    scores = torch.tensor([[4.0, 2, 1, 3], [-3, -1, -2, -4]])
    prune.l1_unstructured(module, "weight", amount=2, importance_scores=scores)
    assert module.weight.tolist() == [[1, 2, 0, 4], [-4, 0, -2, -1]]
    prune.l1_unstructured(module, "weight", amount=2, importance_scores=scores)
    assert module.weight.tolist() == [[1, 0, 0, 4], [-4, 0, 0, -1]]
    before = whole(module)
    with pytest.raises(AssertionError, match="same shape"):
        prune.l1_unstructured(module, "weight", amount=1, importance_scores=torch.ones(3))
    assert unchanged(module, before)


def test_that_structured_methods_prune_channels():
    module = nn.Conv2d(3, 1, 2)
    module.weight.data = torch.tensor([[[[1.0, 2], [1, 2.5]], [[0.5, 1], [0.1, 0.1]], [[-3, -5], [0.1, -1]]]])
    prune.ln_structured(module, "weight", amount=1, n=2, dim=1)
    assert module.weight_mask.sum(dim=(0, 2, 3)).tolist() == [4, 0, 4]
    prune.ln_structured(module, "weight", amount=1, n=1, dim=-1)
    assert module.weight_mask[0, 0].tolist() == [[0, 1], [0, 1]]
    method = prune.RandomStructured(amount=0.6, dim=2)
    mask = method.compute_mask(torch.randn(5, 4, 2), default_mask=torch.ones(5, 4, 2))
    assert sorted((mask == 0).sum(dim=(0, 1)).tolist()) == [0, 20]
    module = nn.Linear(4, 3)
    with pytest.raises(ValueError, match="multidimensional"):
        prune.random_structured(module, "bias", 1, 0)
    for dim in (2, -3):
        with pytest.raises(IndexError):
            prune.ln_structured(module, "weight", 1, 2, dim)
    assert list(module.state_dict()) == ["weight", "bias"]


def test_that_a_global_amount_counts_over_all():
    first, second = linear([[1.0, 2, 3, 4], [-4, -3, -2, -1]]), linear([[0.0, 0.1, -2]])
    places = ((first, "weight"), (second, "weight"))
    prune.global_unstructured(places, pruning_method=prune.L1Unstructured, amount=4)
    assert first.weight.tolist() == [[0, 2, 3, 4], [-4, -3, -2, 0]]
    assert second.weight.tolist() == [[0, 0, -2]]
    first, second = linear([[1.0, 2, 3, 4], [-4, -3, -2, -1]]), linear([[0.0, 0.1, -2]])
    places = ((first, "weight"), (second, "weight"))
    scores = {places[0]: torch.tensor([[4.0, 2, 1, 3], [-3, -1, -2, -4]]), places[1]: torch.tensor([[0, 10.0, -0.2]])}
    prune.global_unstructured(iter(places), prune.L1Unstructured, importance_scores=scores, amount=4)
    assert first.weight.tolist() == [[1, 2, 0, 4], [-4, 0, -2, -1]]
    assert second.weight.tolist() == [[0, pytest.approx(0.1), 0]]


def test_that_global_pruning_refuses_what_torch_refuses():
    module = nn.Linear(3, 2)
    places = [(module, "weight")]
    for wrong in (
        lambda: prune.global_unstructured(3, prune.L1Unstructured, amount=1),
        lambda: prune.global_unstructured(places, prune.L1Unstructured, importance_scores=[1], amount=1),
        lambda: prune.global_unstructured(places, prune.LnStructured, amount=1, n=2),
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(RuntimeError):
        prune.global_unstructured([], prune.L1Unstructured, amount=1)
    assert list(module.state_dict()) == ["weight", "bias"]


def test_that_a_mask_goes_on_top_of_the_one_before():
    method = prune.CustomFromMask(mask=torch.tensor([[0, 1, 1, 0], [0, 0, 1, 1]]))
    before = torch.tensor([[0, 0, 0, 0], [1, 1, 1, 1]])
    found = method.compute_mask(torch.rand(2, 4), before)
    assert found.tolist() == [[0, 0, 0, 0], [0, 0, 1, 1]]
    assert found.dtype == before.dtype
    module = prune.custom_from_mask(nn.Linear(5, 3), name="bias", mask=torch.tensor([0, 1, 0]))
    assert module.bias_mask.tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(AssertionError, match="shape"):
        prune.custom_from_mask(module, "weight", torch.ones(2))


def test_that_bare_tensors_are_pruned_and_stay_as_they_were():
    values = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    before = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 1]])
    expected = values * torch.tensor([[0, 0, 1, 0], [1, 1, 0, 1]])
    assert torch.equal(prune.L1Unstructured(amount=2).prune(values, before), expected)
    assert torch.equal(prune.L1Unstructured(amount=2).prune(values, before, importance_scores=values), expected)
    scores = torch.tensor([[1, 2, 3, 4], [1.5, 1.6, 1.7, 1.8]])
    found = prune.L1Unstructured(amount=2).prune(values, before, importance_scores=scores)
    assert torch.equal(found, values * torch.tensor([[0, 1, 1, 0], [0, 1, 0, 1]]))
    ties = 2 * torch.randint(-1, 2, (10, 7))
    assert int((prune.L1Unstructured(0.2).compute_mask(ties, torch.ones_like(ties)) == 0).sum()) == 14


def test_that_recurrent_weights_stay_in_their_flat_list():
    module = nn.LSTM(32, 32)
    prune.l1_unstructured(module, "weight_ih_l0", 0.5)
    assert sum(isinstance(one, nn.Parameter) for one in module._flat_weights) == 3
    assert any(one is module.weight_ih_l0 for one in module._flat_weights)
    module(torch.randn(2, 1, 32))[0].sum().backward()
    assert not module.weight_ih_l0_orig.grad[module.weight_ih_l0_mask == 0].any()
    prune.remove(module, "weight_ih_l0")
    assert sum(isinstance(one, nn.Parameter) for one in module._flat_weights) == 4
    assert "weight_ih_l0" in dict(module.named_parameters())


class EverySecond(pruner.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        mask = default_mask
        mask.view(-1)[::2] = 0  # its own, as with torch
        return mask


def test_that_a_users_own_method_works_alone_in_rounds_and_globally():
    module = nn.Linear(4, 2)
    hook = EverySecond.apply(module, "weight")
    assert isinstance(hook, EverySecond)
    assert module.weight_mask.view(-1).tolist() == [0, 1] * 4
    EverySecond.apply(module, "weight")
    assert module.weight_mask.view(-1).tolist() == [0, 0, 0, 1] * 2
    other = nn.Linear(4, 2)
    prune.global_unstructured([(module, "weight"), (other, "weight")], EverySecond)
    assert int(module.weight_mask.sum()) == 1
    assert int(other.weight_mask.sum()) == 4


@pytest.mark.parametrize("move", [lambda module: module.half(), lambda module: module.to(torch.float64)])
def test_that_the_attribute_follows_at_the_next_forward(move):
    module = prune.l1_unstructured(nn.Linear(4, 3), "weight", 0.5)
    move(module)
    module(torch.randn(2, 4, dtype=module.weight_orig.dtype))
    assert module.weight.dtype == module.weight_orig.dtype == module.weight_mask.dtype
    prune.l1_unstructured(module, "weight", 0.5)
    assert int(module.weight_mask.sum()) == 3
