"""What else torch does with a weight while it is pruned, held for torch's functions and for ours alike."""

import copy
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
from tests.unit.live_both import SIZES, both, first_half_pruned, module_of, ramp, run_hooks


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
