"""On live modules the engine does what torch does: torch is the oracle."""

import inspect
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

import pruner
from pruner.keys import magnitude_keys
from pruner.live import smallest
from pruner.live.masks import bits_of
from pruner.mask import Mask

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
SHAPES = ((7,), (1,), (4, 5), (3, 2, 3), (2, 3, 2, 2), (1, 6), (6, 1), (16, 9))
METHODS = ("l1", "random", "random_structured", "ln", "mask", "identity")


def module_of(values: torch.Tensor) -> nn.Module:
    module = nn.Module()
    module.register_parameter("first", nn.Parameter(torch.ones(2)))
    module.register_parameter("weight", nn.Parameter(values.clone(), requires_grad=values.is_floating_point()))
    module.register_parameter("last", None)
    module.register_buffer("count", torch.zeros(1))
    return module


def numbers(shape: tuple[int, ...], dtype: torch.dtype, seed: int, *, ties: bool) -> torch.Tensor:
    """Random numbers; without ties all magnitudes differ, in every dtype."""
    generator = torch.Generator().manual_seed(seed)
    count = int(np.prod(shape))
    if ties:
        return torch.randint(-2, 3, shape, generator=generator).to(dtype)
    signs = torch.randint(0, 2, (count,), generator=generator) * 2 - 1
    return ((torch.randperm(count, generator=generator) + 1) * signs).view(shape).to(dtype)


def both(act):
    """What an action gives with torch's names and with ours, from the same random state: results or error types."""
    found = []
    for api in (torch_prune, pruner):
        torch.manual_seed(5)
        try:
            found.append((act(api), None))
        except Exception as error:
            found.append((None, error))
    (theirs, their_error), (ours, our_error) = found
    if their_error is None:
        assert our_error is None, repr(our_error)
    else:
        assert isinstance(our_error, type(their_error)), (repr(their_error), repr(our_error))
    return theirs, ours


def same_state(theirs: nn.Module, ours: nn.Module, *, ties: bool = False) -> None:
    """Equal state_dicts: names in order, dtypes, shapes and values; with ties equal counts."""
    expected, found = theirs.state_dict(), ours.state_dict()
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert found[name].shape == value.shape
        if ties:
            assert int((found[name] == 0).sum()) == int((value == 0).sum()), name
        else:
            assert torch.equal(found[name], value), name
    if not ties and hasattr(theirs, "weight"):
        assert torch.equal(ours.weight, theirs.weight)
        assert ours.weight.requires_grad == theirs.weight.requires_grad
        assert ours.weight.is_leaf == theirs.weight.is_leaf
    hooks = [[(type(hook).__name__, hook._tensor_name) for hook in one._forward_pre_hooks.values()]
             for one in (theirs, ours)]  # fmt: skip
    assert hooks[0] == hooks[1]
    assert len(hooks[0]) == 1


amounts = st.one_of(
    st.integers(-1, 12),
    st.floats(0, 1),
    st.sampled_from([1.0, 0, 0.5, np.float32(0.3), np.int64(2), np.float64(0.7), 1.5, -0.1, Fraction(1, 3), "2"]),
)


@st.composite
def rounds(draw, methods=METHODS):
    name = draw(st.sampled_from(methods))
    return (
        name,
        draw(amounts),
        draw(st.integers(-5, 4)),
        draw(st.sampled_from([1, 2, 0, float("inf"), float("-inf"), "fro"])),
        draw(st.booleans()),
    )


def one_round(api, module, step, seed):
    name, amount, dim, norm, scored = step
    shape = module.weight.shape
    scores = None
    if scored:
        scores = numbers(tuple(shape), torch.float32, seed + 1, ties=False)
    if name == "l1":
        return api.l1_unstructured(module, "weight", amount, importance_scores=scores)
    if name == "random":
        return api.random_unstructured(module, name="weight", amount=amount)
    if name == "random_structured":
        return api.random_structured(module, "weight", amount=amount, dim=dim)
    if name == "ln":
        return api.ln_structured(module, "weight", amount, n=norm, dim=dim, importance_scores=scores)
    if name == "mask":
        mask = torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(seed))
        return api.custom_from_mask(module, name="weight", mask=mask)
    return api.identity(module, "weight")


@given(
    st.sampled_from(SHAPES), st.sampled_from(FLOATS), st.integers(0, 2**16), st.lists(rounds(), min_size=1, max_size=4)
)
@settings(max_examples=300, deadline=None)
def test_that_rounds_of_any_methods_leave_the_state_dict_that_torch_leaves(shape, dtype, seed, steps):
    modules = {}

    def act(api):
        modules[api] = module_of(numbers(shape, dtype, seed, ties=False))
        for step in steps:
            assert one_round(api, modules[api], step, seed) is modules[api]
        return modules[api]

    theirs, ours = both(act)
    if theirs is None:
        return
    same_state(theirs, ours)
    assert pruner.is_pruned(theirs)
    assert torch_prune.is_pruned(ours)
    for module in (theirs, ours):
        for hook in module._forward_pre_hooks.values():
            hook(module, None)
    same_state(theirs, ours)
    assert torch_prune.remove(theirs, "weight") is theirs
    assert pruner.remove(ours, "weight") is ours
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert torch.equal(ours.weight, theirs.weight)
    assert not torch_prune.is_pruned(ours)


@given(st.sampled_from(SHAPES), st.sampled_from(FLOATS), st.integers(0, 2**16),
       st.lists(st.floats(0, 1), min_size=1, max_size=3))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_that_counts_are_torchs_where_magnitudes_are_equal(shape, dtype, seed, ratios):
    def act(api):
        module = module_of(numbers(shape, dtype, seed, ties=True))
        for ratio in ratios:
            api.l1_unstructured(module, "weight", ratio)
        return module

    theirs, ours = both(act)
    assert int(ours.weight_mask.sum()) == int(theirs.weight_mask.sum())
    same_state_of = [list(one.state_dict()) for one in (theirs, ours)]
    assert same_state_of[0] == same_state_of[1]


@given(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4), st.sampled_from(FLOATS), st.integers(0, 9999),
       amounts, st.sampled_from(["L1Unstructured", "RandomUnstructured"]), st.integers(1, 2),
       st.booleans())  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_that_a_global_amount_falls_out_as_in_torch(shapes, dtype, seed, amount, method, times, scored):
    total = sum(int(np.prod(shape)) for shape in shapes)
    dtype = dtype if total <= 256 else torch.float32  # beyond, bfloat16 has no different magnitudes for all
    whole = numbers((total,), torch.float64, seed, ties=False)
    parts = whole.split([int(np.prod(shape)) for shape in shapes])

    def act(api):
        modules = [module_of(part.view(shape).to(dtype)) for part, shape in zip(parts, shapes, strict=True)]
        places = [(module, "weight") for module in modules]
        scores = {places[0]: -parts[0].view(shapes[0]).to(dtype).abs()} if scored else None
        for _ in range(times):
            found = api.global_unstructured(places, getattr(api, method), importance_scores=scores, amount=amount)
            assert found is None
        return modules

    theirs, ours = both(act)
    for one, other in zip(theirs or [], ours or [], strict=True):
        same_state(one, other)


@given(st.lists(st.tuples(st.booleans(), rounds(("l1", "random", "ln", "mask"))), min_size=2, max_size=4),
       st.integers(0, 2**16), st.booleans())  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_that_rounds_of_torchs_and_ours_on_one_module_mix(steps, seed, with_ours):
    def act(api):
        module = module_of(numbers((6, 4), torch.float32, seed, ties=False))
        for ours, step in steps:
            one_round(pruner if ours and api is pruner else torch_prune, module, step, seed)
        return module

    theirs, ours = both(act)
    if theirs is None:
        return
    same_state(theirs, ours)
    (pruner if with_ours else torch_prune).remove(ours, "weight")
    torch_prune.remove(theirs, "weight")
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert torch.equal(ours.weight, theirs.weight)


@given(
    st.sampled_from(SHAPES), st.sampled_from((*FLOATS, torch.int64)), st.integers(0, 2**16), rounds(("l1", "random"))
)
@settings(max_examples=100, deadline=None)
def test_that_bare_tensors_are_pruned_as_by_torch(shape, dtype, seed, step):
    values = numbers(shape, dtype, seed, ties=False)
    mask = torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(seed))

    def act(api):
        method = {"l1": api.L1Unstructured, "random": api.RandomUnstructured}[step[0]](step[1])
        scores = numbers(shape, torch.float32, seed + 1, ties=False) if step[4] else None
        if dtype == torch.int64 and step[0] == "random" and scores is None:
            return values
        return method.prune(values, mask if seed % 2 else None, importance_scores=scores)

    theirs, ours = both(act)
    if theirs is not None:
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", [name for name in pruner.live.__all__ if name != "apply"])
def test_that_names_and_signatures_are_torchs(name):
    theirs, ours = getattr(torch_prune, name), getattr(pruner, name)

    def parameters(function):
        return [(one.name, one.kind, one.default) for one in inspect.signature(function).parameters.values()]

    assert ours.__name__ == theirs.__name__
    if not inspect.isclass(theirs):
        assert parameters(ours) == parameters(theirs)
        return
    assert issubclass(ours, theirs)
    assert issubclass(ours, pruner.BasePruningMethod)
    for member in ("__init__", "apply", "compute_mask", "prune", "apply_mask", "remove"):
        assert parameters(getattr(ours, member)) == parameters(getattr(theirs, member)), member
    assert getattr(ours, "PRUNING_TYPE", None) == getattr(theirs, "PRUNING_TYPE", None)


@pytest.mark.parametrize(
    ("amount", "error"),
    [("all", TypeError), (None, TypeError), (torch.tensor(0.5), TypeError), (-1, ValueError), (1.1, ValueError),
     (20.0, ValueError), (float("nan"), ValueError), (21, ValueError), (-0.5, ValueError)],
)  # fmt: skip
def test_that_wrong_amounts_raise_torchs_errors_and_change_nothing(amount, error):
    for api in (torch_prune, pruner):
        module = module_of(torch.randn(4, 5))
        with pytest.raises(error) as raised:
            api.l1_unstructured(module, "weight", amount)
        assert list(module.state_dict()) == ["first", "weight", "count"]
    assert isinstance(raised.value, pruner.PrunerError)


def kept_mask(values: torch.Tensor, mask: torch.Tensor | None, k: int) -> torch.Tensor:
    before = Mask.ones(tuple(values.shape)) if mask is None else bits_of(mask)
    return smallest.kept_mask(values, before, k, (values if mask is None else mask).dtype)


def slow_order(values: torch.Tensor, mask: torch.Tensor | None) -> np.ndarray:
    """The flat indices of what is left, the smallest magnitude first."""
    keys = magnitude_keys(values.reshape(-1))
    places = np.arange(len(keys)) if mask is None else (mask.reshape(-1) == 1).numpy().nonzero()[0]
    return places[keys[places].argsort(kind="stable")]


def without(order: np.ndarray, k: int, shape: torch.Size) -> torch.Tensor:
    """What stays when the first `k` of an order are pruned."""
    kept = torch.zeros(shape.numel(), dtype=torch.bool)
    kept[torch.from_numpy(order[k:])] = True
    return kept.view(shape)


def slow_mask(values: torch.Tensor, mask: torch.Tensor | None, k: int) -> torch.Tensor:
    return without(slow_order(values, mask), k, values.shape)


ALL = (*FLOATS, torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz,
       torch.int8, torch.int32, torch.uint8, torch.complex64)  # fmt: skip


@given(st.integers(0, 1500), st.sampled_from(ALL), st.integers(0, 2**16), st.floats(0, 1), st.integers(0, 5),
       st.booleans(), st.sampled_from([torch.float32, torch.bool, None]))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_that_the_selection_is_exact_with_ties_in_order_and_nan_last(count, dtype, seed, share, kind, odd, mask_dtype):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(count, generator=generator) * 2
    if kind == 1:
        values = values.round()
    if kind == 2 and dtype.is_floating_point and dtype not in (torch.float8_e4m3fn,):
        values[values > 1] = float("nan")
    if kind == 3:
        values[values > 0] = 0
    values = values.abs().to(dtype) if dtype == torch.uint8 else values.to(dtype)
    if odd and count > 3:
        values = values[: count // 2 * 2].view(2, -1).t()
    mask = None
    if kind % 2:
        mask = (torch.rand(values.shape, generator=generator) > 0.5).to(mask_dtype or dtype)
    left = values.numel() if mask is None else int((mask == 1).sum())
    found = kept_mask(values, mask, round(share * left))
    assert found.dtype == (dtype if mask is None else mask.dtype)
    assert torch.equal(found == 1, slow_mask(values, mask, round(share * left)))
    assert found.stride() == values.stride() or count < 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    "kind", ["normal", "equal", "zeros", "half zeros", "sorted", "outlier", "denormal", "nan", "few", "masked"]
)
def test_that_large_tensors_of_any_distribution_are_pruned_exactly(kind, dtype):
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(300_001, generator=generator, dtype=torch.float64)
    mask = None
    if kind == "equal":
        values.fill_(0.3)
    if kind == "zeros":
        values.zero_()
    if kind == "half zeros":
        values[values < 0] = 0
    if kind == "sorted":
        values = values.sort().values
    if kind == "outlier":
        values[17] = 1e38
    if kind == "denormal":
        values *= 1e-40
    if kind == "nan":
        values[values > 0] = float("nan")
    if kind == "few":
        values = values.round()
    values = values.to(dtype)
    if kind == "masked":
        mask = (torch.rand(values.shape, generator=generator) > 0.3).to(dtype)
    order = slow_order(values, mask)
    for share in (0.00001, 0.3, 0.5, 0.95, 1.0):
        k = round(share * len(order))
        assert torch.equal(kept_mask(values, mask, k) == 1, without(order, k, values.shape)), share


def test_that_a_missed_bracket_changes_nothing_but_the_time(monkeypatch):
    from pruner import selection
    from pruner.brackets import Bracket

    values = torch.randn(300_000, generator=torch.Generator().manual_seed(0))
    expected = slow_mask(values, None, 100_000)
    for low, high in ((1 << 30, 1 << 30), (0, 5)):
        monkeypatch.setattr(selection, "bracket_of", lambda *_, ends=(low, high): Bracket(*ends))
        assert torch.equal(kept_mask(values, None, 100_000) == 1, expected)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_that_the_number_of_threads_does_not_change_the_mask(threads):
    values = torch.randn(6_500_000, generator=torch.Generator().manual_seed(0)).bfloat16()
    expected = slow_mask(values, None, 3_000_000)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        assert torch.equal(kept_mask(values, None, 3_000_000) == 1, expected)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("count", [50, 5_000_000])
def test_that_gradients_are_torchs(count):
    found = []
    for api in (torch_prune, pruner):
        module = module_of(torch.linspace(-1, 2, count))
        api.l1_unstructured(module, "weight", 0.5)
        (module.weight * torch.arange(float(count))).sum().backward()
        found.append(module.weight_orig.grad)
    assert torch.equal(*found)
    assert int((found[1] == 0).sum()) >= count // 2


def test_that_double_backward_works_as_in_torch():
    found = []
    for api in (torch_prune, pruner):
        module = module_of(torch.linspace(-1, 2, 6))
        api.l1_unstructured(module, "weight", 3)
        (first,) = torch.autograd.grad((module.weight**3).sum(), module.weight_orig, create_graph=True)
        found.append(torch.autograd.grad(first.sum(), module.weight_orig)[0])
    assert torch.equal(*found)


def test_that_tracing_and_functional_transforms_work():
    module = nn.Linear(4, 3)
    pruner.l1_unstructured(module, "weight", 0.5)
    example = torch.randn(2, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, that tracing is old
        traced = torch.jit.trace(module, example)
    assert torch.allclose(traced(example), module(example))
    parameters = dict(module.named_parameters()) | dict(module.named_buffers())

    def loss(given):
        return torch.func.functional_call(module, given, (example,)).sum()

    slopes = torch.func.grad(loss)(parameters)
    assert torch.equal(slopes["weight_orig"] == 0, module.weight_mask == 0)
