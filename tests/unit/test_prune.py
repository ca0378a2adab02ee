"""Pruning agrees with torch, element by element."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import prune as torch_prune

import pruner
from pruner import Amount, Cancelled, Mask, Plan, PrunerError, Step
from pruner.elements import elements_in
from pruner.keys import key_bits, magnitude_keys, magnitude_of
from pruner.methods.l1_unstructured import L1Unstructured
from pruner.rounds import Outcome, run_round
from pruner.selection import smallest

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
FLOAT8 = (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)


def select(values: torch.Tensor, amount: float | int, mask: Mask | None = None, chunk: int = 1 << 20) -> Outcome:
    elements = replace(elements_in(values, mask), piece=chunk)
    return run_round(L1Unstructured(), Amount(amount), [elements], [(0, 1)], 1 << 20)[0]


def agrees_with_torch(values: torch.Tensor, amount: float | int) -> None:
    """The same count, and the same mask wherever magnitudes differ from the threshold."""
    selected = select(values, amount)
    wide = values.float() if values.dtype in FLOAT8 else values
    expected = torch_prune.L1Unstructured(amount).compute_mask(wide, torch.ones_like(wide)).bool()
    mask = selected.mask.to_tensor()
    assert int(mask.sum()) == int(expected.sum())
    if selected.threshold is not None:
        magnitude = wide.abs().double()
        apart = ~((magnitude == selected.threshold) | (magnitude.isnan() & (selected.threshold != selected.threshold)))
        assert torch.equal(mask[apart], expected[apart])


def awkward(count: int, seed: int) -> torch.Tensor:
    """Normal numbers with zeros, denormals, equal ones, infinities, NaNs and an outlier among them."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(count, generator=generator, dtype=torch.float64)
    special = [0.0, -0.0, 1e-40, -1e-40, 0.5, -0.5, 1e38, float("inf"), float("-inf"), float("nan")]
    places = torch.randint(0, len(special) * 3, (count,), generator=generator)
    for place, value in enumerate(special):
        values[places == place] = value
    return values


@given(
    st.integers(1, 400),
    st.integers(0, 2**16),
    st.sampled_from((*FLOATS, *FLOAT8)),
    st.floats(0, 1),
)
@settings(max_examples=300, deadline=None)
def test_that_the_smallest_magnitudes_are_pruned_as_torch_prunes_them(count, seed, dtype, ratio):
    values = awkward(count, seed)
    if dtype in (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz):
        values = values.nan_to_num(0.25, 1.0, -1.0).clamp(-100, 100)
    agrees_with_torch(values.to(dtype), ratio)


@given(st.integers(1, 300), st.integers(0, 2**16), st.data())
@settings(max_examples=100, deadline=None)
def test_that_counts_are_pruned_exactly_also_where_magnitudes_are_equal(count, seed, data):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(-3, 4, (count,), generator=generator).to(torch.bfloat16)
    k = data.draw(st.integers(0, count))
    agrees_with_torch(values, k)
    assert select(values, k).mask.pruned == k


@given(st.integers(1, 2000), st.integers(0, 2**16), st.floats(0, 1), st.sampled_from([8, 64, 1000]))
@settings(max_examples=100, deadline=None)
def test_that_the_answer_is_the_same_for_every_chunk_size(count, seed, ratio, chunk):
    values = torch.randint(-4, 5, (count,), generator=torch.Generator().manual_seed(seed)).float()
    assert select(values, ratio).mask == select(values, ratio, chunk=chunk).mask


def test_that_ties_are_pruned_in_the_order_of_the_flat_index():
    selected = select(torch.tensor([[2.0, -1.0, 1.0], [1.0, 3.0, -1.0]]), 2)
    assert selected.mask.to_bools().tolist() == [[True, False, False], [True, True, True]]
    assert (selected.threshold, selected.ties) == (1.0, 2)


def test_that_nan_is_pruned_last_and_infinity_before_it():
    values = torch.tensor([float("nan"), float("inf"), 1.0, float("-inf"), -float("nan")])
    assert select(values, 1).mask.to_bools().tolist() == [True, True, False, True, True]
    assert select(values, 3).mask.to_bools().tolist() == [True, False, False, False, True]


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8])
def test_that_integers_are_pruned_by_their_magnitude(dtype):
    values = torch.tensor([5, 100, 3, 0, 7, 127], dtype=dtype)
    agrees_with_torch(values, 3)


def test_that_complex_numbers_are_pruned_by_their_absolute_value():
    agrees_with_torch(torch.randn(100, dtype=torch.complex64, generator=torch.Generator().manual_seed(0)), 0.3)


@pytest.mark.parametrize("dtype", [*FLOATS, *FLOAT8])
def test_that_the_threshold_is_the_magnitude_of_the_cut(dtype):
    values = torch.linspace(0.25, 8, 64).to(dtype)
    ordered = values.float().sort().values
    keys = magnitude_keys(values)
    for k in (1, 17, 64):
        cut = smallest(lambda: iter([keys.copy]), k, key_bits(dtype), len(keys))
        assert magnitude_of(cut.key, dtype) == ordered[k - 1]


def checkpoint_of(tensors: dict[str, torch.Tensor], path: Path) -> pruner.Checkpoint:
    torch.save(tensors, path)
    return pruner.open_checkpoint(path)


def test_that_rounds_act_on_what_earlier_ones_left_as_torch_has_it(tmp_path):
    torch.manual_seed(0)
    module = torch.nn.Linear(40, 30)
    checkpoint = checkpoint_of(module.state_dict(), tmp_path / "m.pt")
    plan = Plan({"weight": Step(Amount(0.5))})
    result = None
    shares = []
    for _ in range(3):
        result = pruner.prune(checkpoint, plan, after=result)
        torch_prune.l1_unstructured(module, "weight", 0.5)
        assert torch.equal(result["weight"].mask.to_tensor(), module.weight_mask.bool())
        shares.append(result["weight"].pruned / 1200)
    assert shares == [0.5, 0.75, 0.875]
    assert [one.pruned for one in result["weight"].rounds] == [600, 300, 150]


def test_that_the_report_counts_zeros_before_and_after(tmp_path):
    checkpoint = checkpoint_of({"weight": torch.tensor([0.0, -0.0, 1.0, 2.0, 3.0])}, tmp_path / "m.pt")
    one = pruner.prune(checkpoint, Plan({"weight": Step(Amount(3))}))["weight"]
    assert (one.numel, one.pruned, one.zeros_before, one.zeros) == (5, 3, 2, 3)
    assert one.rounds[0].threshold == 1.0


def test_that_an_amount_that_does_not_fit_fails_before_any_work(tmp_path):
    checkpoint = checkpoint_of({"a": torch.ones(100), "b": torch.ones(8)}, tmp_path / "m.pt")
    steps = []
    with pytest.raises(PrunerError, match=r"“b”.*8") as raised:
        pruner.prune(checkpoint, Plan.match(checkpoint, {"*": 50}), progress=lambda *step: steps.append(step))
    assert str(checkpoint.path) in str(raised.value)
    assert isinstance(raised.value, ValueError)
    assert not steps


def test_that_a_cancelled_round_leaves_the_earlier_result_as_it_was(tmp_path):
    checkpoint = checkpoint_of({"a": torch.randn(3_000_000)}, tmp_path / "m.pt")
    plan = Plan.match(checkpoint, {"a": 0.5})
    first = pruner.prune(checkpoint, plan)
    before = first["a"].mask.bits.copy()

    def cancel(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        pruner.prune(checkpoint, plan, progress=cancel, after=first)
    assert np.array_equal(first["a"].mask.bits, before)
    assert len(first["a"].rounds) == 1


def test_that_tied_weights_get_one_mask(tmp_path):
    weight = torch.randn(10, 4)
    checkpoint = checkpoint_of({"embed.weight": weight, "head.weight": weight}, tmp_path / "m.pt")
    assert checkpoint["head.weight"].shares_storage_with == ("embed.weight",)
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"*.weight": 0.5}))
    assert result["embed.weight"].mask == result["head.weight"].mask
    with pytest.raises(PrunerError, match="same memory"):
        pruner.prune(checkpoint, Plan.match(checkpoint, {"embed.weight": 0.5, "head.weight": 0.3}))
    alone = pruner.prune(checkpoint, Plan.match(checkpoint, {"embed.weight": 0.5}))
    assert "head.weight" in alone.warnings[0]


def test_that_tensors_that_cannot_be_pruned_element_by_element_are_refused(tmp_path):
    tensors = {"expanded": torch.ones(1).expand(8), "flags": torch.ones(8, dtype=torch.bool), "w": torch.ones(8)}
    checkpoint = checkpoint_of(tensors, tmp_path / "m.pt")
    with pytest.raises(PrunerError, match="expanded"):
        pruner.prune(checkpoint, Plan({"expanded": Step(Amount(1))}))
    with pytest.raises(PrunerError, match="bool"):
        Plan.match(checkpoint, {"flags": 1})


def test_that_patterns_pass_over_buffers_and_integers_and_the_last_one_wins(tmp_path):
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    checkpoint = checkpoint_of(net.state_dict(), tmp_path / "m.pt")
    plan = Plan.match(checkpoint, {"*": 0.1, "1.*": 0.5}, exclude=["*.bias"])
    assert {name: step.amount.value for name, step in plan.steps.items()} == {"0.weight": 0.1, "1.weight": 0.5}
    assert set(plan.passed_over) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    with pytest.raises(PrunerError, match=r"matches no tensor.*0\.weight"):
        Plan.match(checkpoint, {"0.wieght": 0.1})


def test_that_importing_the_engine_imports_neither_torch_nor_qt():
    code = "import sys, pruner, pruner.cli; print([m for m in ('torch', 'PySide6', 'app') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_that_masks_of_tensors_in_memory_are_torchs_and_the_tensors_stay():
    torch.manual_seed(0)
    state = {"a.weight": torch.randn(40, 30), "b.weight": torch.randn(7, 5, 3), "a.bias": torch.randn(40).bfloat16()}
    before = {name: tensor.clone() for name, tensor in state.items()}
    for name, mask in pruner.masks_of(state, 0.3).items():
        wide = state[name]
        assert torch.equal(
            mask.to_tensor(), torch_prune.L1Unstructured(0.3).compute_mask(wide, torch.ones_like(wide)) == 1
        )
    joined = torch.cat([tensor.reshape(-1).float() for tensor in state.values()])
    together = pruner.masks_of(state, 0.5, scope="global")
    kept = torch.cat([mask.to_tensor().reshape(-1) for mask in together.values()])
    assert int((~kept).sum()) == round(0.5 * len(joined))
    assert joined[~kept].abs().max() <= joined[kept].abs().min()
    again = pruner.masks_of(state, 0.5, after=together)
    assert all(again[name].kept == mask.kept - round(0.5 * mask.kept) for name, mask in together.items())
    assert all(torch.equal(state[name], tensor) for name, tensor in before.items())


def test_that_masks_of_conjugate_and_negated_views_are_those_of_their_values():
    values = torch.randn(200_000, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    expected = pruner.masks_of({"z": values}, 0.5)["z"]
    assert pruner.masks_of({"z": values.conj()}, 0.5)["z"] == expected
    assert pruner.masks_of({"z": torch._neg_view(values)}, 0.5)["z"] == expected


def test_that_masks_of_tensors_that_a_method_does_not_fit_are_refused_by_name():
    with pytest.raises(PrunerError, match=r"2:4.*“bias”"):
        pruner.masks_of({"weight": torch.ones(4, 8), "bias": torch.ones(4)}, 0, method="n_m")
    with pytest.raises(PrunerError, match="scope"):
        pruner.masks_of({"weight": torch.ones(4, 8)}, 0.5, method="ln_structured", scope="global")
    with pytest.raises(pruner.AmountValueError, match="“weight”"):
        pruner.masks_of({"weight": torch.ones(4, 8)}, 33)
