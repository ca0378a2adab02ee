"""What programs written for torch's pruning rely on, held for torch's functions and for ours alike."""

import io

import pytest
import torch
from torch import nn

from tests.unit.live_both import SIZES, both, module_of, ramp, run_hooks

# amounts


@both
def test_that_an_amount_meets_the_size_only_when_it_is_applied(prune):
    for amount in (0, 0.0, 1, 1.0, 0.27, 4000):
        assert prune.RandomUnstructured(amount).amount == amount
        assert prune.LnStructured(amount, n=1).amount == amount
    module = module_of(ramp(3, 5))
    with pytest.raises(ValueError, match="4000"):
        prune.l1_unstructured(module, "weight", 4000)
    module = prune.l1_unstructured(module_of(ramp(3, 5)), "weight", 15)
    assert not module.weight.any()


@both
@pytest.mark.parametrize(
    ("amount", "count"), [(0, 0), (1, 1), (9, 9), (13, 13), (1.0, 13), (0.3, 4), (0.26, 3), (0.5, 6), (1e-9, 0)]
)
def test_that_counts_and_ratios_are_told_apart_and_ratios_rounded_to_even(prune, amount, count):
    for act in (prune.l1_unstructured, prune.random_unstructured):
        module = act(module_of(ramp(13)), "weight", amount)
        assert int((module.weight_mask == 0).sum()) == count
    module = prune.ln_structured(module_of(ramp(2, 13)), "weight", amount, n=2, dim=1)
    assert int((module.weight_mask == 0).sum()) == 2 * count


@both
def test_that_a_later_amount_is_of_what_is_left(prune):
    module = module_of(ramp(20))
    prune.l1_unstructured(module, "weight", 10)
    prune.random_unstructured(module, "weight", 0.5)
    assert int(module.weight_mask.sum()) == 5
    with pytest.raises(ValueError, match="6"):
        prune.l1_unstructured(module, "weight", 6)


@both
@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), ()])
def test_that_tensors_without_elements_and_without_dimensions_are_pruned(prune, shape):
    module = module_of(torch.full(shape, 2.0))
    for _ in range(2):
        prune.l1_unstructured(module, "weight", 0.3)
        prune.random_unstructured(module, "weight", 0.3)
        prune.custom_from_mask(module, "weight", torch.ones(shape))
        prune.global_unstructured([(module, "weight")], prune.L1Unstructured, amount=0.3)
        prune.identity(module, "weight")
    assert module.weight_mask.shape == module.weight.shape == shape
    assert module.weight_mask.all()
    prune.remove(module, "weight")
    assert torch.equal(module.weight, torch.full(shape, 2.0))


# names, hooks and errors


@both
def test_that_every_method_leaves_sizes_as_they_were(prune):
    for act in (
        lambda module: prune.l1_unstructured(module, "weight", 0.4),
        lambda module: prune.random_unstructured(module, "weight", 0.4),
        lambda module: prune.ln_structured(module, "weight", 0.4, n=2, dim=1),
        lambda module: prune.random_structured(module, "weight", 0.4, dim=0),
        lambda module: prune.identity(module, "weight"),
        lambda module: prune.custom_from_mask(module, "weight", torch.ones(6, 3, 2, 2)),
        lambda module: prune.global_unstructured([(module, "weight")], prune.L1Unstructured, amount=0.4),
    ):
        module = nn.Conv2d(3, 6, 2)
        act(module)
        assert module.weight.shape == module.weight_orig.shape == module.weight_mask.shape == (6, 3, 2, 2)


@both
def test_that_what_was_never_pruned_is_not_removed(prune):
    module = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    assert not prune.is_pruned(module)
    with pytest.raises(ValueError, match="bias"):
        prune.remove(module[0], "bias")
    prune.l1_unstructured(module[0], "weight", 1)
    assert prune.is_pruned(module)
    assert not prune.is_pruned(module[1])
    with pytest.raises(ValueError, match="bias"):
        prune.remove(module[0], "bias")
    assert prune.is_pruned(module[0])


@both
def test_that_scores_rank_channels_round_after_round(prune):
    module = module_of(torch.full((2, 3), 7.0))
    scores = torch.tensor([[5.0, 1, -9], [1, -4, 2]])  # sums of columns 6, 5, 11; of rows 15, 7
    prune.ln_structured(module, "weight", 1, n=1, dim=1, importance_scores=scores)
    assert module.weight_mask.tolist() == [[1, 0, 1], [1, 0, 1]]
    prune.ln_structured(module, "weight", 1, n=1, dim=0, importance_scores=scores)
    assert module.weight.tolist() == [[7, 0, 7], [0, 0, 0]]


@both
def test_that_a_method_that_fails_leaves_the_parameter(prune):
    class Failing(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            raise ArithmeticError("no mask today")

    for make, name in ((lambda: nn.Linear(3, 4), "weight"), (lambda: nn.Conv1d(2, 3, 2), "bias")):
        module = make()
        before = getattr(module, name)
        with pytest.raises(ArithmeticError, match="no mask today"):
            Failing.apply(module, name)
        assert dict(module.named_parameters())[name] is before
        assert not dict(module.named_buffers())
        assert not prune.is_pruned(module)


@both
def test_that_a_subclass_may_fix_its_amount(prune):
    class Third(prune.L1Unstructured):
        @classmethod
        def apply(cls, module, name):
            return super().apply(module, name, amount=1 / 3)

    module = module_of(ramp(9))
    assert type(Third.apply(module, "weight")) is Third
    assert module.weight.tolist() == [0, 0, 0, 4, -5, 6, -7, 8, -9]


@both
def test_that_a_method_that_sees_all_may_write_to_its_mask_flat(prune):
    class First(prune.BasePruningMethod):
        PRUNING_TYPE = "global"

        def compute_mask(self, t, default_mask):
            default_mask.view(-1)[0] = 0
            return default_mask

    module = nn.Conv2d(2, 2, 2)
    mask = torch.ones(2, 2, 2, 2).to(memory_format=torch.channels_last)
    prune.custom_from_mask(module, "weight", mask)
    First.apply(module, "weight")
    assert int(module.weight_mask.sum()) == 15
    assert not module.weight_mask[0, 0, 0, 0]
    assert mask.all()


@both
def test_that_recurrent_weights_are_under_their_names_again_when_pruning_is_removed(prune):
    module = nn.GRU(3, 4, num_layers=2)
    names = list(dict(module.named_parameters()))
    prune.l1_unstructured(module, "weight_hh_l1", 0.5)
    expected = module(torch.ones(2, 1, 3))[0]
    assert "weight_hh_l1" not in dict(module.named_parameters())
    prune.remove(module, "weight_hh_l1")
    assert sorted(dict(module.named_parameters())) == sorted(names)
    assert all(isinstance(one, nn.Parameter) for one in module._flat_weights)
    assert torch.equal(module(torch.ones(2, 1, 3))[0], expected)


@both
def test_that_two_modules_with_one_parameter_are_pruned_each_by_itself(prune):
    first, second = module_of(ramp(6)), nn.Module()
    second.weight = first.weight
    prune.l1_unstructured(first, "weight", 2)
    prune.l1_unstructured(second, "weight", 4)
    assert first.weight_orig is second.weight_orig
    assert (int(first.weight_mask.sum()), int(second.weight_mask.sum())) == (4, 2)
    (first.weight.sum() + second.weight.sum()).backward()
    assert first.weight_orig.grad.tolist() == [0, 0, 1, 1, 2, 2]
    prune.remove(first, "weight")
    prune.remove(second, "weight")
    assert first.weight is second.weight
    assert first.weight.tolist() == [0, 0, 0, 0, -5, 6]


@both
def test_that_parameters_of_lists_and_of_parametrizations_are_pruned(prune):
    params = nn.ParameterList([ramp(4), ramp(3)])
    prune.l1_unstructured(params, "0", 2)
    assert [one.tolist() for one in params] == [[0, 0, -3, 4], [-1, 2, -3]]
    module = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    direction = module.parametrizations.weight
    prune.l1_unstructured(direction, "original1", 3)  # of a row, which its norm divides, one is left
    module(torch.ones(1, 4)).sum().backward()
    assert int((module.weight == 0).sum()) == 3
    assert not direction.original1_orig.grad[direction.original1_mask == 0].any()
    with pytest.raises(TypeError):
        prune.l1_unstructured(module, "weight", 1)


@both
def test_that_a_loaded_mask_counts_from_the_next_forward_on(prune):
    source, target = (prune.l1_unstructured(nn.Linear(4, 3), "weight", amount) for amount in (0.75, 0.25))
    for assign in (False, True):
        prune.l1_unstructured(source, "weight", 1)
        file = io.BytesIO()
        torch.save(source.state_dict(), file)
        file.seek(0)
        target.load_state_dict(torch.load(file), assign=assign)
        assert torch.equal(target(torch.ones(2, 4)), source(torch.ones(2, 4)))
    prune.l1_unstructured(target, "weight", 1)
    assert int(target.weight_mask.sum()) == 0


@both
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float64])
def test_that_masks_of_any_dtype_are_taken_and_kept_in_the_weights_dtype(prune, dtype):
    module = module_of(ramp(2, 4))
    prune.custom_from_mask(module, "weight", (ramp(2, 4).abs() > 3).to(dtype))
    assert module.weight_mask.dtype == torch.float32
    module.weight_mask = module.weight_mask.to(dtype)  # a program's own
    prune.l1_unstructured(module, "weight", 2)
    assert module.weight.tolist() == [[0, 0, 0, 0], [0, 6, -7, 8]]


@both
@pytest.mark.parametrize("count", SIZES)
def test_that_a_frozen_weight_stays_frozen(prune, count):
    module = module_of(ramp(count))
    prune.l1_unstructured(module, "weight", 0.5)
    module.weight_orig.requires_grad_(False)
    run_hooks(module)
    assert not module.weight.requires_grad
    with torch.no_grad():
        prune.l1_unstructured(module, "weight", 0.5)
    assert not module.weight.requires_grad
    prune.remove(module, "weight")
    assert not module.weight.requires_grad
