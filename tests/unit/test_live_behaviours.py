"""What programs written for torch's pruning rely on, held for torch's functions and for ours alike."""

import copy
import io
import pickle
import warnings

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.nn.utils import prune as torch_prune

import pruner
from pruner.live import smallest

both = pytest.mark.parametrize("prune", [pytest.param(torch_prune, id="torch"), pytest.param(pruner, id="ours")])
SIZES = [12, 600_000, 2_500_000]
"""Of one thread's work on a few elements, on many, and of several threads' work."""


def module_of(values: torch.Tensor) -> nn.Module:
    module = nn.Module()
    module.weight = nn.Parameter(values, requires_grad=values.is_floating_point() and values.dtype.itemsize > 1)
    return module


def ramp(*shape: int) -> torch.Tensor:
    """-1, 2, -3, 4 and so on: no two magnitudes are the same."""
    values = torch.arange(1.0, torch.Size(shape).numel() + 1)
    values[::2] *= -1
    return values.view(shape)


def run_hooks(module: nn.Module) -> None:
    for hook in module._forward_pre_hooks.values():
        hook(module, ())


def first_half_pruned(values: torch.Tensor) -> torch.Tensor:
    flat = values.detach().clone().view(-1)
    flat[: len(flat) // 2] = 0
    return flat.view(values.shape)


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


# what else torch does with a weight while it is pruned


@both
@pytest.mark.parametrize("count", SIZES)
def test_that_inference_mode_runs_prunes_and_removes(prune, count):
    module = module_of(ramp(count))
    prune.l1_unstructured(module, "weight", 0.5)
    expected = first_half_pruned(ramp(count))
    with torch.inference_mode():
        run_hooks(module)
        assert torch.equal(module.weight, expected)
        prune.l1_unstructured(module, "weight", count // 4)
        prune.remove(module, "weight")
        assert int((module.weight == 0).sum()) == count // 2 + count // 4


@both
@pytest.mark.parametrize("rows", [3, 150_000, 600_000])
@pytest.mark.parametrize("spoiled", [False, True])
def test_that_sparse_gradients_of_embeddings_stay_sparse(prune, rows, spoiled):
    module = nn.Embedding(rows, 4, sparse=True)
    with torch.no_grad():
        module.weight.copy_(ramp(rows, 4))
        if spoiled:
            module.weight[0, 0] = float("nan")
    mask = torch.ones(rows, 4)
    mask[0, :2] = 0
    prune.custom_from_mask(module, "weight", mask)
    module(torch.tensor([0, 2, 2])).sum().backward()
    slopes = module.weight_orig.grad
    assert slopes.is_sparse
    found = slopes.to_dense()
    assert found[:3].tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [2, 2, 2, 2]]


@both
@pytest.mark.parametrize("count", SIZES)
def test_that_gradients_are_taken_in_batches(prune, count):
    module = prune.l1_unstructured(module_of(ramp(count)), "weight", 3)
    results = torch.stack([module.weight[:5].sum(), (module.weight[:5] ** 2).sum()])
    (slopes,) = torch.autograd.grad(results, module.weight_orig, torch.eye(2), is_grads_batched=True)
    assert slopes[:, :5].tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 8, -10]]


@both
@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("trained", [False, True])
def test_that_tangents_are_carried_forward(prune, count, trained):
    module = prune.l1_unstructured(module_of(ramp(count)), "weight", 0.5)
    with forward_ad.dual_level(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, that what it uses itself is old
        dual = forward_ad.make_dual(module.weight_orig if trained else module.weight_orig.detach(), ramp(count))
        del module.weight_orig
        module.weight_orig = dual
        run_hooks(module)
        tangent = forward_ad.unpack_dual(module.weight).tangent
        assert torch.equal(tangent, first_half_pruned(ramp(count)))


@both
@pytest.mark.parametrize("count", SIZES)
def test_that_tensors_without_data_are_pruned(prune, count):
    for act in (
        lambda module: prune.l1_unstructured(module, "weight", 0.5),
        lambda module: prune.random_unstructured(module, "weight", 0.5),
        lambda module: prune.ln_structured(module, "weight", 1, n=2, dim=1),
        lambda module: prune.identity(module, "weight"),
        lambda module: prune.custom_from_mask(module, "weight", torch.ones(count // 2, 2, device="meta")),
    ):
        module = module_of(torch.empty(count // 2, 2, device="meta"))
        act(module)
        assert module.weight.is_meta
        assert module.weight_mask.is_meta
        prune.remove(module, "weight")
        assert module.weight.shape == (count // 2, 2)


@both
def test_that_fake_tensors_are_pruned(prune):
    with FakeTensorMode():
        module = nn.Linear(8, 3)
        prune.l1_unstructured(module, "weight", 0.5)
        prune.custom_from_mask(module, "bias", torch.ones(3))
        assert module(torch.ones(2, 8)).shape == (2, 3)
    assert module.weight_mask.shape == (3, 8)


@both
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_that_a_default_device_does_not_matter_to_a_weight_elsewhere(prune, dtype):
    smallest._one.cache_clear()
    values = torch.linspace(-1, 3, 200_000).to(dtype)
    with torch.device("meta"):
        module = prune.l1_unstructured(module_of(values), "weight", 0.5)
    assert int(module.weight_mask.count_nonzero()) == 100_000


@both
@pytest.mark.parametrize("count", [12, 300_000])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_that_complex_weights_are_pruned_round_after_round(prune, count, dtype):
    module = module_of(torch.polar(ramp(count).abs().double(), ramp(count).double()).to(dtype))
    for _ in range(2):
        prune.l1_unstructured(module, "weight", count // 4)
    assert module.weight_mask.dtype == dtype
    assert not module.weight[: count // 2].any()
    assert module.weight[count // 2 :].all()


@both
@pytest.mark.parametrize("count", [12, 300_000])
def test_that_views_that_are_negated_or_conjugated_when_read_are_pruned(prune, count):
    for values in (torch._neg_view(ramp(count)), torch.complex(ramp(count), ramp(count)).conj()):
        module = module_of(values)
        for _ in range(2):
            prune.l1_unstructured(module, "weight", count // 4)
        assert torch.equal(module.weight.detach(), first_half_pruned(values.resolve_neg().resolve_conj()))


class Tagged(torch.Tensor):
    """Does nothing that torch's own class does not."""


@both
@pytest.mark.parametrize("count", [12, 300_000])
def test_that_masks_of_a_tensor_subclass_are_of_it_too(prune, count):
    module = module_of(ramp(count).as_subclass(Tagged))
    for _ in range(2):
        prune.l1_unstructured(module, "weight", count // 4)
    assert type(module.weight_mask) is type(module.weight) is Tagged
    assert torch.equal(module.weight.detach().as_subclass(torch.Tensor), first_half_pruned(ramp(count)))


@both
def test_that_a_lazy_weight_is_refused(prune):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, that lazy modules are new
        module = nn.LazyLinear(3)
    with pytest.raises(ValueError, match="uninitialized"):
        prune.l1_unstructured(module, "weight", 0.5)


@both
def test_that_a_type_without_a_zero_is_refused(prune):
    module = module_of(torch.ones(8, dtype=torch.float8_e8m0fnu))
    with pytest.raises(NotImplementedError):
        prune.l1_unstructured(module, "weight", 4)
    assert "weight" in dict(module.named_parameters())


def half_pruned_linear(prune, count):
    module = nn.Linear(count, 2, bias=False)
    module.weight = nn.Parameter(ramp(2, count))
    return prune.l1_unstructured(module, "weight", 0.5)


class Scaling(nn.Module):
    """Not of torch's modules, so that tracing goes into it, and through its hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(ramp(4))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given * self.weight


@both
def test_that_a_model_is_traced_to_a_graph_with_its_pruning(prune):
    net = nn.Sequential(Scaling(), nn.Linear(4, 2))
    prune.l1_unstructured(net[0], "weight", 2)
    prune.l1_unstructured(net[1], "weight", 2)
    traced = torch.fx.symbolic_trace(net)
    with torch.no_grad():
        net[0].weight_orig.mul_(2)  # and not with what the weight was
    assert torch.equal(traced(torch.ones(1, 4)), net[1](torch.tensor([[0.0, 0, -6, 8]])))


@both
@pytest.mark.parametrize("count", [6, 300_000])
def test_that_a_model_is_compiled_and_exported_in_one_graph(prune, count):
    torch._dynamo.reset()
    module, example = half_pruned_linear(prune, count), torch.ones(1, count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, that its pruning sets an attribute
        exported = torch.export.export(module, (example,)).module()
    assert torch.equal(exported(example), module(example))
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    with torch.no_grad():
        module.weight_orig.mul_(2)
    found = compiled(example)
    found.sum().backward()
    assert torch.equal(module.weight_orig.grad, module.weight_mask)
    assert torch.equal(found, module(example))


@both
def test_that_several_pruned_models_are_run_as_one(prune):
    models = [half_pruned_linear(prune, 4) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(models)

    def run(given, kept):
        return torch.func.functional_call(models[0], (given, kept), (torch.ones(1, 4),))

    assert torch.equal(torch.vmap(run)(parameters, buffers), torch.stack([one(torch.ones(1, 4)) for one in models]))


@both
@pytest.mark.parametrize("count", [6, 1_000_000])
def test_that_a_pickled_weight_has_its_values_and_is_trained_on(prune, count):
    found = pickle.loads(pickle.dumps(half_pruned_linear(prune, count)))
    assert int((found.weight == 0).sum()) == count
    found = copy.deepcopy(found)
    found(torch.ones(1, count)).sum().backward()
    assert torch.equal(found.weight_orig.grad, found.weight_mask)


# where torch goes another way on purpose of ours


def test_that_a_global_round_refuses_a_mask_of_other_numbers_that_is_there():
    module = module_of(ramp(4))
    torch_prune.custom_from_mask(module, "weight", torch.tensor([0.5, 1, 1, 1]))
    with pytest.raises(ValueError, match="other numbers"):
        pruner.global_unstructured([(module, "weight")], pruner.L1Unstructured, amount=1)
    assert module.weight_mask.tolist() == [0.5, 1, 1, 1]
    pruner.l1_unstructured(module, "weight", 1)
    assert module.weight_mask.tolist() == [0.5, 0, 1, 1]


def test_that_a_lazy_module_that_is_refused_can_still_be_used():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, that lazy modules are new
        module = nn.LazyLinear(3)
    with pytest.raises(ValueError, match="uninitialized"):
        pruner.l1_unstructured(module, "weight", 0.5)
    module(torch.ones(2, 4))
    assert int(pruner.l1_unstructured(module, "weight", 5).weight_mask.sum()) == 7


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_that_a_sum_beyond_the_largest_number_spoils_nothing(dtype):
    module = module_of(torch.full((600_000,), -60.0, dtype=dtype))
    mask = torch.ones(600_000)
    mask[::2] = 0
    pruner.custom_from_mask(module, "weight", mask)
    assert torch.equal(module.weight, mask.to(dtype) * module.weight_orig)
    assert module.weight[::2].signbit().all()  # as in torch's product
