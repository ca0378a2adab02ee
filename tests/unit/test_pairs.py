"""Two checkpoints side by side: what belongs together, how far apart it is, and its pictures."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

from pruner import Checkpoint, Mask, open_checkpoint
from pruner.diff import compare
from pruner.pairs import Both, Difference, Marks, Pair, PairPicture, Side, histogram_of, match, measure, pair_picture
from pruner.pyramid import Bands, Grid, Layout
from pruner.steps import finish

NAN, INF = math.nan, math.inf


def saved(path: Path, **tensors: torch.Tensor) -> Checkpoint:
    torch.save({name.replace("__", "."): value for name, value in tensors.items()}, path)
    return open_checkpoint(path)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3))


def state(path: Path, tensors: dict[str, torch.Tensor]) -> Checkpoint:
    torch.save(tensors, path)
    return open_checkpoint(path)


def both_of(folder: Path, a: torch.Tensor, b: torch.Tensor, pruned: Mask | None = None) -> Both:
    first, second = state(folder / "a.pt", {"w": a}), state(folder / "b.pt", {"w": b})
    return Both(first, second, Pair("w", Side("w"), Side("w")), pruned)


def measured(both: Both, marks: Marks | None = None) -> Difference:
    return finish(measure(both, marks))


def pictured(both: Both, layout: Layout | None = None) -> PairPicture:
    marks = Marks(both.infos[0].shape)
    measured(both, marks)
    return finish(pair_picture(both, marks, layout))


# Names


def test_that_the_shorter_of_two_ways_to_fold_is_taken(tmp_path):
    tensors = net().state_dict()
    a = state(tmp_path / "a.pt", {f"module.{name}": value for name, value in tensors.items()})
    b = state(tmp_path / "b.pt", {f"ema_model.module.{name}": value for name, value in tensors.items()})
    assert match(a, b).prefixes == ("", "ema_model.")


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("", "module."),
        ("module.", ""),
        ("model.", "ema."),
        ("", "model._orig_mod."),
        ("", "backbone.encoder."),
    ],
)
def test_that_a_prefix_of_all_names_is_folded_and_told(tmp_path, here, there):
    tensors = net().state_dict()
    a = state(tmp_path / "a.pt", {here + name: value for name, value in tensors.items()})
    b = state(tmp_path / "b.pt", {there + name: value for name, value in tensors.items()})
    found = match(a, b)
    assert [(pair.a.name, pair.b.name) for pair in found.both] == [(here + name, there + name) for name in tensors]
    assert (found.added, found.removed, found.reordered, found.folded) == ((), (), False, True)
    assert found.prefixes == (here, there.replace("_orig_mod.", ""))
    assert not compare(a, b).equal
    assert compare(a, b).tensors == ()


def test_that_the_prefix_of_data_parallel_is_folded_beside_other_keys(tmp_path):
    whole = {**nn.DataParallel(net()).state_dict(), "head.weight": torch.ones(3)}
    a, b = state(tmp_path / "a.pt", net().state_dict()), state(tmp_path / "b.pt", whole)
    found = match(a, b)
    assert (found.prefixes, found.added, found.removed) == (("", "module."), ("head.weight",), ())


def test_that_a_compiled_part_inside_a_name_is_folded(tmp_path):
    a = saved(tmp_path / "a.pt", enc__w=torch.ones(2), dec__w=torch.ones(3))
    b = state(tmp_path / "b.pt", {"enc._orig_mod.w": torch.ones(2), "dec.w": torch.ones(3)})
    found = match(a, b)
    assert [(pair.a.name, pair.b.name) for pair in found.both] == [("enc.w", "enc._orig_mod.w"), ("dec.w", "dec.w")]
    assert found.folded


def test_that_other_layers_are_not_taken_for_a_prefix(tmp_path):
    a = saved(tmp_path / "a.pt", x__w=torch.ones(4), layer1__w=torch.ones(2, 3), layer1__b=torch.ones(2))
    b = saved(tmp_path / "b.pt", x__w=torch.ones(4), layer2__w=torch.ones(2, 3), layer2__b=torch.ones(2))
    found = match(a, b)
    assert found.prefixes == ("", "")
    assert (found.added, found.removed) == (("layer2.w", "layer2.b"), ("layer1.w", "layer1.b"))


def test_that_the_masked_form_meets_the_permanent_one_in_either_file(tmp_path):
    masked = net()
    torch_prune.l1_unstructured(masked[2], "weight", 5)
    kept = masked[2].weight_mask.clone()
    plain = state(tmp_path / "plain.pt", net().state_dict())
    held = state(tmp_path / "held.pt", {f"module.{name}": value for name, value in masked.state_dict().items()})
    torch_prune.remove(masked[2], "weight")
    permanent = state(tmp_path / "permanent.pt", masked.state_dict())
    for a, b in ((plain, held), (held, plain)):
        found = compare(a, b)
        (one,) = found.tensors
        assert (one.changed, sorted(one.zeros), one.masks.share) == (5, [0, 5], 7 / 12)
        assert one.name == ("2.weight" if a is plain else "module.2.weight")
    for a, b in ((permanent, held), (held, permanent)):
        found = compare(a, b)
        assert found.tensors == ()
        assert [name for pair in found.renamed for name in pair] == (
            ["2.weight", "module.2.weight_orig"] if a is permanent else ["module.2.weight_orig", "2.weight"]
        )
        assert (found.added, found.removed)[a is held] == ("module.2.weight_mask",)
    again = state(tmp_path / "again.pt", {**masked.state_dict(), "x": kept})
    assert compare(permanent, again).added == ("x",)


def test_that_two_masked_forms_are_compared_as_they_are_with_their_own_masks(tmp_path):
    values = torch.tensor([0.0, 1, 2, 3])
    a = saved(tmp_path / "a.pt", w_orig=values, w_mask=torch.tensor([1.0, 0, 1, 0]))
    b = saved(tmp_path / "b.pt", w_orig=values, w_mask=torch.tensor([1.0, 0, 0, 1]))
    (one,) = compare(a, b).tensors
    assert (one.name, one.changed) == ("w_mask", 2)
    orig = measured(Both(a, b, match(a, b).both[0]))
    assert orig.changed == 0
    assert (orig.masks.both_kept, orig.masks.both_pruned, orig.masks.only_a, orig.masks.only_b) == (1, 1, 1, 1)
    assert orig.masks.jaccard == pytest.approx(1 / 3)


# Figures

NUMBERS = st.one_of(st.sampled_from([0.0, -0.0, 1.0, NAN, INF, -INF, 1e-3]), st.floats(-100, 100, width=32))
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=12), DTYPES, DTYPES)
def test_that_figures_are_those_that_torch_computes(tmp_path_factory, pairs, dtype_a, dtype_b):
    a, b = (torch.tensor(side, dtype=torch.float64) for side in zip(*pairs, strict=True))
    a, b = a.to(dtype_a), b.to(dtype_b)
    found = measured(both_of(tmp_path_factory.mktemp("pair"), a, b))
    a, b = a.double(), b.double()
    unequal = (a != b) & ~(a.isnan() & b.isnan())
    finite = a.isfinite() & b.isfinite()
    apart = (a - b).masked_fill(~unequal, 0)
    assert found.changed == int(unequal.sum())
    assert found.zeros == (int((a == 0).sum()), int((b == 0).sum()))
    largest = apart.abs().nan_to_num(INF, INF)
    assert found.max_abs_difference == pytest.approx(float(largest.max()))
    assert (found.where is None) == (found.changed == 0)
    if found.where is not None:
        assert largest[found.where] == largest.max()
    a, b, apart = a[finite], b[finite], apart[finite]
    if float(apart.norm()):
        assert found.relative == (pytest.approx(float(apart.norm() / a.norm())) if float(a.norm()) else INF)
    else:
        assert found.relative == 0
    if len(a):
        assert found.mean == pytest.approx(float(apart.mean()), abs=1e-9)
    if float(a.norm()) and float(b.norm()):
        assert found.cosine == pytest.approx(float(torch.cosine_similarity(a, b, dim=0, eps=0)), abs=1e-9)
    else:
        assert found.cosine is None


def test_that_equal_values_of_another_type_and_other_shapes_are_told(tmp_path):
    a = saved(tmp_path / "a.pt", t=torch.ones(3), s=torch.zeros(2, 3), e=torch.ones(2), nan=torch.tensor([NAN]))
    b = saved(tmp_path / "b.pt", t=torch.ones(3).half(), s=torch.ones(3, 2), e=torch.ones(2), nan=torch.tensor([NAN]))
    kinds, shapes = compare(a, b).tensors
    assert (kinds.name, kinds.changed, kinds.dtypes, kinds.cosine) == ("t", 0, ("float32", "float16"), 1.0)
    assert (shapes.name, shapes.changed, shapes.shapes, shapes.zeros) == ("s", None, ((2, 3), (3, 2)), (6, 0))


def test_that_a_pass_over_many_chunks_finds_the_one_element_that_differs(tmp_path):
    a = torch.randn(3, 700_000, generator=torch.Generator().manual_seed(0))
    b = a.clone()
    b[2, 654_321] += 4
    found = measured(both_of(tmp_path, a, b))
    assert (found.changed, found.where) == (1, (2, 654_321))
    assert found.max_abs_difference == pytest.approx(4, rel=1e-6)


def test_that_masks_of_zeros_agree_as_counted_with_what_the_document_prunes(tmp_path):
    a, b = torch.tensor([1.0, 0, 3, 4, NAN]), torch.tensor([1.0, 0, 0, 4, 5])
    found = measured(both_of(tmp_path, a, b)).masks
    assert (found.both_kept, found.both_pruned, found.only_a, found.only_b) == (3, 1, 0, 1)
    pruned = Mask.from_bools(np.array([False, True, False, True, True]))
    one = measured(both_of(tmp_path, a, b, pruned))
    assert (one.changed, one.zeros) == (2, (3, 2))
    assert (one.masks.both_pruned, one.masks.only_a, one.masks.share, one.masks.jaccard) == (2, 1, 0.8, 2 / 3)


def test_that_the_histogram_counts_each_difference_once(tmp_path):
    torch.manual_seed(0)
    a = torch.randn(5000)
    b = torch.where(torch.rand(5000) < 0.3, torch.zeros(()), a)
    both = both_of(tmp_path, a, b)
    limit = measured(both).max_abs_difference
    found = finish(histogram_of(both, limit))
    counted, _ = np.histogram((a - b)[a != b].double().numpy(), bins=len(found.kept_values), range=(-limit, limit))
    assert np.abs(found.kept_values - counted).sum() <= 4, "a value at an edge may be in either bin"
    assert (found.kept_values.sum(), found.zeros) == (int((a != b).sum()), int((a == b).sum()))


# Pictures


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64])
@pytest.mark.parametrize("shape", [(300,), (70, 50), (6, 5, 3, 3)])
def test_that_one_element_that_differs_is_seen_at_every_scale(tmp_path, dtype, shape):
    torch.manual_seed(0)
    a = (torch.randn(shape) * 100).to(dtype)
    b = a.clone()
    place = a.numel() // 3
    b.view(-1)[place] += 2
    picture = pictured(both_of(tmp_path, a, b))
    row, column = picture.layout.place(place)
    block = 1
    while block <= picture.pyramid.coarsest:
        tile = picture.tile(picture.layout.whole, block)
        y, x = tile.place(row, column)
        assert [tuple(at) for at in np.argwhere(np.nan_to_num(tile.after) != 0)] == [(y, x)]
        assert (tile.changed.sum(), tile.changed[y, x]) == (1, 1)
        assert tile.after[y, x] == pytest.approx(float((a - b).view(-1)[place]))
        block *= 2


def test_that_no_difference_is_rounded_away(tmp_path):
    a = torch.tensor([1.0, 1e-200, NAN, NAN, 1e300], dtype=torch.float64)
    b = torch.tensor([1.0 + 1e-15, 0.0, NAN, 1.0, -1e300], dtype=torch.float64)
    picture = pictured(both_of(tmp_path, a, b))
    tile = picture.tile(picture.layout.whole, 1)
    found = tile.after[0]
    assert found[0] < 0 < found[1]
    assert (found[2], found[3]) == (0, INF)
    assert found[4] == np.finfo(np.float32).max


def test_that_a_thin_pair_may_lie_in_bands_and_nothing_of_it_is_lost(tmp_path):
    torch.manual_seed(0)
    values, kept = torch.randn(900, 3), torch.rand(900, 3) < 0.5
    both = both_of(tmp_path, values, torch.where(kept, values, 0), Mask.from_bools(torch.ones(900, 3).bool().numpy()))
    layout = Bands.over(Grid.filters((900, 3)))
    picture = pictured(both, layout)
    assert picture.layout == layout
    for block in (1, 8, 32):
        tile = picture.tile(layout.whole, block)
        assert (int(tile.elements.sum()), int(tile.changed.sum())) == (2700, int((~kept).sum()))
        assert int(tile.kept_both.sum()) == int(kept.sum())


@pytest.mark.parametrize("deflated", [False, True])
def test_that_a_picture_shows_both_sides_as_they_count(tmp_path, deflated):
    torch.manual_seed(0)
    values = torch.randn(40, 30)
    kept, pruned = torch.rand(40, 30) < 0.5, torch.rand(40, 30) < 0.7
    a, b = saved(tmp_path / "a.pt", w=values), saved(tmp_path / "b.pt", w_orig=values * 2, w_mask=kept.float())
    if deflated:
        for one in (a, b):
            held = {name: one.read(name).numpy() for name in one.tensors}
            np.savez_compressed(one.path.with_suffix(".npz"), **held)
        a, b = (open_checkpoint(tmp_path / f"{name}.npz") for name in "ab")
        assert a["w"].storage.deflated is not None
    pair = next(one for one in match(a, b).both if one.name == "w")
    both = Both(a, b, pair, Mask.from_bools(pruned.numpy()))
    picture = pictured(both)
    here, there = torch.where(pruned, values, 0), torch.where(kept, values * 2, 0)
    tile = picture.tile(picture.layout.whole, 1)
    assert np.array_equal(tile.a, here.numpy())
    assert np.array_equal(tile.b, there.numpy())
    assert np.array_equal(tile.after, (here - there).numpy())
    assert np.array_equal(tile.kept_both, (pruned & kept).numpy())
    for block in (4, 16, 64):
        tile = picture.tile(picture.layout.whole, block)
        sums = [int(part.sum()) for part in (tile.kept_a, tile.kept_b, tile.kept_both, tile.changed)]
        assert sums == [int(part.sum()) for part in (pruned, kept, pruned & kept, here != there)]
        assert np.abs(tile.after).max() == (here - there).abs().max()
