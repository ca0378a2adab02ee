"""Tensors pruned together: what torch's global_unstructured prunes, and the best choice between floors and ceilings."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn.utils import prune as torch_prune

from pruner import Amount, AmountValueError, Mask, Plan, PrunerError, Step, open_checkpoint, prune
from pruner.methods.l1_unstructured import L1Unstructured
from tests.unit.oracles import in_order_of, kept_after, magnitudes, outcomes, placed, pruned_by, values_of

SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=5)
SEEDS = st.integers(0, 2**16)


def opened(tensors, path):
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return open_checkpoint(path)


def a_net(*dtypes: torch.dtype) -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 8, 3), torch.nn.Linear(40, 30), torch.nn.Linear(30, 50, bias=False)]
    for layer, dtype in zip(layers, dtypes, strict=False):
        layer.to(dtype)
    return torch.nn.Sequential(*layers)


def by_torch(net: torch.nn.Module, amount: float | int) -> dict[str, torch.Tensor]:
    names = [name for name, _ in net.named_parameters()]
    names = sorted({name.removesuffix("_orig") for name in names}, key=lambda name: (name[0], name))
    parameters = [(net.get_submodule(name.split(".")[0]), name.split(".")[1]) for name in names]
    torch_prune.global_unstructured(parameters, torch_prune.L1Unstructured, amount=amount)
    return {name: getattr(module, f"{own}_mask").bool() for name, (module, own) in zip(names, parameters, strict=True)}


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("amounts", [(0.3,), (1,), (0.5, 0.5, 0.5), (100, 0.9), (0.0, 1.0), (1.0,)])
def test_that_global_rounds_prune_what_torchs_prune(tmp_path, suffix, amounts):
    net = a_net()
    checkpoint = opened(net.state_dict(), tmp_path / f"m{suffix}")
    result = None
    for amount in amounts:
        result = prune(checkpoint, Plan.match(checkpoint, {"*": amount}, scope="global"), device="cpu", after=result)
        expected = by_torch(net, amount)
        assert set(result) == set(expected)
        for name, mask in expected.items():
            assert torch.equal(result[name].mask.to_tensor(), mask)


@pytest.mark.parametrize("dtypes", list(itertools.permutations([torch.float32, torch.float16, torch.bfloat16])))
@pytest.mark.parametrize("amount", [0.2, 0.5, 0.83])
def test_that_several_dtypes_are_compared_as_torch_compares_them(tmp_path, dtypes, amount):
    net = a_net(*dtypes)
    checkpoint = opened(net.state_dict(), tmp_path / "m.pt")
    weights = {name: value.double().abs() for name, value in net.state_dict().items()}
    result = prune(checkpoint, Plan.match(checkpoint, {"*": amount}, scope="global"), device="cpu")
    expected = by_torch(net, amount)
    assert sum(one.pruned for one in result.tensors.values()) == sum(int((~mask).sum()) for mask in expected.values())
    threshold = max(float(weights[name][~mask].max()) for name, mask in expected.items() if not mask.all())
    for name, mask in expected.items():
        apart = weights[name] != threshold
        assert torch.equal(result[name].mask.to_tensor()[apart], mask[apart])
        assert result[name].rounds[0].threshold == threshold


@given(SIZES, SEEDS, st.data())
@settings(max_examples=120, deadline=None)
def test_that_the_smallest_of_all_go_with_ties_in_the_plans_order_then_by_index(sizes, seed, data):
    """Many dtypes that hold the same small numbers; rounds on top of one another."""
    dtypes = [torch.float32, torch.bfloat16, torch.float64, torch.float8_e5m2, torch.int8, torch.uint16]
    tensors, numbers = [], []
    for place, size in enumerate(sizes):
        dtype = data.draw(st.sampled_from(dtypes))
        values = torch.from_numpy(np.random.default_rng(seed + place).integers(0, 5, size)).to(dtype)
        threads, piece = data.draw(st.sampled_from([(1, 8), (3, 8), (2, 64)]))
        tensors.append(placed(values, name=str(place), threads=threads, piece=piece))
        numbers += magnitudes(values)
    kept = np.ones(len(numbers), dtype=bool)
    for ratio in data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=3)):
        kept = kept_after(numbers, kept, Amount(ratio).count(int(kept.sum())))
        masks = [one.mask for one in outcomes("l1_unstructured", ratio, tensors)]
        assert np.array_equal(np.concatenate([mask.to_bools() for mask in masks]), kept)
        tensors = [one.left_by(mask) for one, mask in zip(tensors, masks, strict=True)]


def test_that_the_plans_order_decides_ties_not_the_files(tmp_path):
    checkpoint = opened({"a": torch.ones(4), "b": torch.ones(4)}, tmp_path / "m.pt")
    step = Step(Amount(5))
    for order, pruned in ((("a", "b"), (4, 1)), (("b", "a"), (4, 1))):
        result = prune(checkpoint, Plan(dict.fromkeys(order, step), scope="global"), device="cpu")
        assert tuple(result[name].pruned for name in order) == pruned
        assert result[order[1]].mask.to_bools().tolist() == [False, True, True, True]
        assert (result[order[0]].rounds[0].ties, result[order[1]].rounds[0].ties) == (0, 3)


def test_that_tied_weights_count_once_and_get_one_mask(tmp_path):
    tied, other = values_of(torch.float32, (10, 8), 0, special=False), values_of(torch.float32, (40,), 1, special=False)
    checkpoint = opened({"embed": tied, "head": tied, "other": other}, tmp_path / "m.pt")
    result = prune(checkpoint, Plan.match(checkpoint, {"*": 0.5}, scope="global"), device="cpu")
    expected = kept_after([*magnitudes(tied), *magnitudes(other)], np.ones(120, dtype=bool), 60)
    assert result["embed"].mask == result["head"].mask == Mask.from_bools(expected[:80], (10, 8))
    assert result["other"].mask == Mask.from_bools(expected[80:])
    with pytest.raises(AmountValueError, match="121"):
        prune(checkpoint, Plan.match(checkpoint, {"*": 121}, scope="global"))
    assert sum(
        prune(checkpoint, Plan.match(checkpoint, {"*": 120}, scope="global"))[n].pruned for n in ("head", "other")
    )


def test_that_scores_of_a_file_count_over_all_tensors(tmp_path):
    scores = {name: values_of(torch.float32, (6, 9), seed) for seed, name in enumerate("abc")}
    torch.save(scores, tmp_path / "scores.pt")
    checkpoint = opened({name: torch.ones(6, 9) for name in "abc"}, tmp_path / "m.pt")
    plan = Plan.match(
        checkpoint, {"*": 0.3}, method="scores", options={"file": str(tmp_path / "scores.pt")}, scope="global"
    )
    numbers = [one for name in "abc" for one in magnitudes(scores[name])]
    kept, result = np.ones(162, dtype=bool), None
    for _ in range(3):
        kept = kept_after(numbers, kept, round(0.3 * kept.sum()))
        result = prune(checkpoint, plan, device="cpu", after=result)
        found = np.concatenate([result[name].mask.to_bools().reshape(-1) for name in "abc"])
        assert np.array_equal(found, kept)
        assert all(result[name].zeros == result[name].pruned for name in "abc")


@given(SIZES, SEEDS, st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_that_chance_takes_an_exact_total_and_of_each_tensor_what_it_would_take_alone(sizes, seed, ratio):
    tensors = [placed(torch.ones(size), name=str(place)) for place, size in enumerate(sizes)]
    masks = [one.mask for one in outcomes("random_unstructured", ratio, tensors, seed=seed)]
    assert sum(mask.pruned for mask in masks) == round(ratio * sum(sizes))
    for place, (size, mask) in enumerate(zip(sizes, masks, strict=True)):
        alone = pruned_by("random_unstructured", mask.pruned, torch.ones(size), seed=seed, name=str(place))
        assert mask == alone


def test_that_chance_takes_as_much_of_each_tensor_as_its_size_is():
    shares = np.zeros(3)
    for seed in range(200):
        tensors = [placed(torch.ones(size), name=name) for name, size in (("a", 100), ("b", 300), ("c", 600))]
        shares += [one.mask.pruned for one in outcomes("random_unstructured", 0.3, tensors, seed=seed)]
    assert np.allclose(shares / 200, [30, 90, 180], atol=2)


def reference(numbers, kept, limits, k):
    """Floors first, then the smallest of what may go, tensor after tensor and index after index."""
    stays = [one.copy() for one in kept]
    candidates = []
    for place, (own, (least, most)) in enumerate(zip(numbers, limits, strict=True)):
        order = [i for i in in_order_of(own) if stays[place][i]]
        stays[place][order[:least]] = False
        candidates += [(own[i], place, i) for i in order[least:most]]
    for _, place, i in sorted(candidates)[: k - sum(least for least, _ in limits)]:
        stays[place][i] = False
    return stays


def limits_of(kept, bounds):
    """How many elements of each tensor must and may go; the floor holds where no whole number is between the two."""
    found = []
    for one, (low, high) in zip(kept, bounds, strict=True):
        gone = int((~one).sum())
        least, most = math.ceil(low * len(one)) - gone, math.floor(high * len(one)) - gone
        found.append((max(0, least), max(0, least, most)))
    return found


def share(low: int, high: int) -> st.SearchStrategy[Fraction]:
    return st.integers(low, high).map(lambda part: Fraction(part, 20))


BOUNDS = share(0, 20).flatmap(lambda low: st.tuples(st.just(low), share(int(low * 20), 20)))


@given(st.lists(st.tuples(st.integers(1, 24), BOUNDS), min_size=1, max_size=4), SEEDS, st.data())
@settings(max_examples=250, deadline=None)
def test_that_floors_and_ceilings_hold_and_the_choice_between_them_is_the_best(given_tensors, seed, data):
    generator = np.random.default_rng(seed)
    values = [torch.from_numpy(generator.integers(-9, 10, size)).to(torch.float32) for size, _ in given_tensors]
    numbers, bounds = [magnitudes(one) for one in values], [one for _, one in given_tensors]
    holes = data.draw(st.sampled_from([0, 0.3]))
    kept = [generator.random(len(own)) >= holes for own in numbers]
    limits = limits_of(kept, bounds)
    fewest, most = (sum(side) for side in zip(*limits, strict=True))
    total = sum(int(one.sum()) for one in kept)
    k = data.draw(st.one_of(st.integers(0, total), st.integers(fewest, max(fewest, min(most, total)))))
    tensors = [placed(one, Mask.from_bools(own), piece=8) for one, own in zip(values, kept, strict=True)]
    floats = [(float(low), float(high)) for low, high in bounds]
    if not fewest <= k <= most:
        with pytest.raises(AmountValueError):
            outcomes("l1_unstructured", k, tensors, floats)
        return
    found = outcomes("l1_unstructured", k, tensors, floats)
    stays = [one.mask.to_bools() for one in found]
    assert all(np.array_equal(*pair) for pair in zip(stays, reference(numbers, kept, limits, k), strict=True))
    for own, before, after, outcome in zip(numbers, kept, stays, found, strict=True):
        gone = [one for one, was, now in zip(own, before, after, strict=True) if was and not now]
        assert (outcome.threshold is None) == (not gone)
        assert not gone or outcome.threshold >= max(gone)


@given(st.lists(st.tuples(st.integers(1, 4), BOUNDS), min_size=2, max_size=3), SEEDS, st.data())
@settings(max_examples=150, deadline=None)
def test_that_no_other_choice_within_the_bounds_loses_less_magnitude(given_tensors, seed, data):
    """All splits of the amount are tried."""
    generator = np.random.default_rng(seed)
    values = [torch.from_numpy(generator.integers(1, 50, size)).to(torch.float64) for size, _ in given_tensors]
    limits = limits_of([np.ones(len(one), dtype=bool) for one in values], [one for _, one in given_tensors])
    fewest, most = (sum(side) for side in zip(*limits, strict=True))
    k = data.draw(st.integers(fewest, most))
    bounds = [(float(low), float(high)) for _, (low, high) in given_tensors]
    found = outcomes("l1_unstructured", k, [placed(one) for one in values], bounds)
    lost = sum(float(one[~outcome.mask.to_tensor()].sum()) for one, outcome in zip(values, found, strict=True))
    losses = [np.concatenate([[0.0], np.cumsum(np.sort(one.numpy()))]) for one in values]
    best = min(
        sum(own[count] for own, count in zip(losses, split, strict=True))
        for split in itertools.product(*(range(least, upper + 1) for least, upper in limits))
        if sum(split) == k
    )
    assert lost == best


@pytest.mark.parametrize("method", ["scores", "random_unstructured"])
def test_that_bounds_hold_for_other_rankings_too(tmp_path, method):
    torch.save({name: torch.randn(500, generator=torch.Generator().manual_seed(7)) for name in "ab"}, tmp_path / "s.pt")
    options = {"file": str(tmp_path / "s.pt")} if method == "scores" else {"seed": 1}
    tensors = [placed(torch.ones(500), name=name) for name in "ab"]
    a, b = (one.mask for one in outcomes(method, 400, tensors, [(0.5, 0.6), (0.0, 0.2)], **options))
    assert (a.pruned, b.pruned) == (300, 100)
    for name, mask in (("a", a), ("b", b)):
        assert pruned_by(method, mask.pruned, torch.ones(500), name=name, **options) == mask


@pytest.mark.parametrize(
    ("amount", "floors", "ceilings"),
    [(0.4, {"a": 0.9}, {}), (0.5, {}, {"*": 0.4}), (0, {"a": 0.1}, {}), (200, {}, {"b": 0.99}), (1.0, {}, {"a": 0.5})],
)
def test_that_bounds_that_cannot_be_kept_are_refused_before_anything(tmp_path, amount, floors, ceilings):
    checkpoint = opened({"a": torch.ones(100), "b": torch.ones(100)}, tmp_path / "m.pt")
    plan = Plan.match(checkpoint, {"*": amount}, scope="global", floors=floors, ceilings=ceilings)
    steps = []
    with pytest.raises(AmountValueError, match=r"floors|ceilings") as raised:
        prune(checkpoint, plan, device="cpu", progress=lambda *step: steps.append(step))
    assert str(checkpoint.path) in str(raised.value)
    assert not steps


def test_that_amounts_that_only_look_alike_are_not_one(tmp_path):
    """`1` is one element and `1.0` is all."""
    assert Amount(1) != Amount(1.0)
    assert Amount(1.0) != Amount.target(1.0)
    assert len({Amount(0.5), Amount(0.5), Amount.target(0.5)}) == 2
    steps = {"a": Step(Amount(1)), "b": Step(Amount(1.0))}
    with pytest.raises(PrunerError, match="one amount"):
        Plan(steps, scope="global")
    tied = torch.ones(8)
    checkpoint = opened({"a": tied, "b": tied}, tmp_path / "m.pt")
    with pytest.raises(PrunerError, match="same memory"):
        prune(checkpoint, Plan(steps), device="cpu")


def test_that_scopes_and_bounds_that_have_no_meaning_are_refused(tmp_path):
    checkpoint = opened({"a": torch.ones(4, 4)}, tmp_path / "m.pt")
    for given_plan in (
        {"scope": "global", "method": "ln_structured"},
        {"scope": "elsewhere"},
        {"floors": {"a": 0.1}},
        {"scope": "global", "floors": {"a": 0.5}, "ceilings": {"a": 0.4}},
        {"scope": "global", "floors": {"a": 1.5}},
        {"scope": "global", "ceilings": {"b": 0.5}},
    ):
        with pytest.raises(PrunerError):
            Plan.match(checkpoint, {"a": 0.3}, **given_plan)


def test_that_a_tensor_that_loses_everything_is_remarked_on_once_in_the_round_that_empties_it(tmp_path):
    checkpoint = opened({"small": torch.full((5,), 0.1), "large": torch.ones(20)}, tmp_path / "m.pt")
    plan = Plan.match(checkpoint, {"*": 5}, scope="global")
    first = prune(checkpoint, plan, device="cpu")
    assert [text for text in first.warnings if "lost" in text] == ["“small” has lost all of its 5 elements."]
    assert not [text for text in prune(checkpoint, plan, device="cpu", after=first).warnings if "lost" in text]
    spared = Plan({name: Step(Amount(5), L1Unstructured(), 0.0, 0.8) for name in ("small", "large")}, scope="global")
    result = prune(checkpoint, spared, device="cpu")
    assert (result["small"].pruned, result["large"].pruned) == (4, 1)
    assert not [text for text in result.warnings if "lost" in text]
