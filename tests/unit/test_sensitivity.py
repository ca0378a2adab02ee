"""Sensitivity without data and plans by budget, against torch's own pruning and against trying everything."""

import csv
import io
import itertools
import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune as torch_prune

import pruner
from pruner import Amount, PrunerError
from pruner.cli import main
from pruner.curves import Curve, curve_of, curves_of
from pruner.elements import elements_in
from pruner.sensitivity.choosing import HoldOut, choose
from pruner.sensitivity.costs import CostCurve, Merged
from pruner.sensitivity.ends import ends_of
from pruner.sensitivity.picture import picture
from pruner.sensitivity.planning import Bounds, Planned, propose
from pruner.sensitivity.profiles import RATIOS, profiles_of
from pruner.sensitivity.whole import Whole
from resources.demo import digits

EXACT = ("bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")
WIDE = ("float32", "float64")


def opened(tensors: dict[str, torch.Tensor], path: Path) -> pruner.Checkpoint:
    torch.save(tensors, path)
    return pruner.open_checkpoint(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A folder with a network of unequal layers in `net.pt`."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 40, 3), nn.BatchNorm2d(40), nn.Linear(60, 50), nn.Linear(50, 25))
    with torch.no_grad():
        net[2].weight.pow_(3)
    torch.save(net.state_dict(), "net.pt")
    return tmp_path


def said(capfdbinary) -> dict:
    return json.loads(capfdbinary.readouterr().out)


@pytest.mark.parametrize("dtype", [*EXACT, *WIDE])
@pytest.mark.parametrize("alike", [False, True])
def test_that_what_remains_is_what_torchs_pruning_leaves(tmp_path, dtype, alike):
    torch.manual_seed(0)
    values = 1 + torch.rand(61, 83) * 2.0**-9 if alike else torch.randn(61, 83) * 0.05
    weight = values.to(getattr(torch, dtype))
    checkpoint = opened({"w.weight": weight}, tmp_path / "w.pt")
    (found,) = profiles_of(checkpoint, choose(checkpoint))
    assert (found.exact, found.left) == (dtype in EXACT, weight.numel())
    wide = weight.double()
    close = 1e-9 if found.exact else 2e-3
    near = 1e-9 if found.exact else 1e-3 if alike else 1e-5
    for loss in found.losses:
        pruned = torch_prune.L1Unstructured(loss.ratio).prune(wide.clone())
        assert loss.count == round(loss.ratio * weight.numel())
        assert loss.l1 == pytest.approx(float(pruned.abs().sum() / wide.abs().sum()), rel=1e-9, abs=near)
        assert loss.l2 == pytest.approx(float(pruned.norm() / wide.norm()), rel=1e-9, abs=near)
        assert loss.error == pytest.approx(float((wide - pruned).norm() / wide.norm()), rel=close)
        largest = float(wide.abs().flatten().sort()[0][loss.count - 1])
        assert loss.threshold == pytest.approx(largest, rel=close)
    assert found.norm == pytest.approx(float(wide.norm()), rel=1e-6)


def test_that_the_error_is_that_of_outputs_for_inputs_of_unit_covariance(tmp_path):
    torch.manual_seed(0)
    linear, conv = nn.Linear(40, 30, bias=False), nn.Conv2d(4, 8, 3, bias=False)
    checkpoint = opened({"linear.weight": linear.weight.data, "conv.weight": conv.weight.data}, tmp_path / "w.pt")
    profiles = profiles_of(checkpoint, choose(checkpoint), (0.3, 0.8))
    inputs = torch.randn(20_000, 40), torch.randn(60, 4, 24, 24)
    for layer, given_to, found in zip((linear, conv), inputs, profiles, strict=True):
        with torch.no_grad():
            dense = layer(given_to)
            weight = layer.weight.clone()
            for loss in found.losses:
                layer.weight.copy_(torch_prune.L1Unstructured(loss.ratio).prune(weight.clone()))
                assert loss.error == pytest.approx(float((layer(given_to) - dense).norm() / dense.norm()), rel=0.02)
                layer.weight.copy_(weight)


def test_that_the_whole_is_one_ratio_for_each_or_one_threshold_over_all(folder):
    checkpoint = pruner.open_checkpoint("net.pt")
    names = choose(checkpoint)
    whole = Whole(profiles_of(checkpoint, names, ()))
    values = {name: checkpoint.read(name).double() for name in names}
    every = math.sqrt(sum(float(value.square().sum()) for value in values.values()))
    for ratio in (0.1, 0.5, 0.9, 0.99):
        found = whole.at(ratio)
        each = [torch_prune.L1Unstructured(ratio).prune(value.clone()) for value in values.values()]
        assert found.uniform == pytest.approx(math.hypot(*(float(one.norm()) for one in each)) / every, abs=1e-5)
        joined = torch_prune.L1Unstructured(ratio).prune(torch.cat([value.flatten() for value in values.values()]))
        assert found.together == pytest.approx(float(joined.norm()) / every, abs=1e-5)
        taken = [float((part == 0).double().mean()) for part in joined.split([v.numel() for v in values.values()])]
        assert found.taken == pytest.approx(max(taken), abs=1e-3)
        assert dict(zip(names, taken, strict=True))[found.hardest] == pytest.approx(max(taken), abs=1e-3)


def finished(steps: Generator[None, None, Curve]) -> Curve:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def test_that_many_tensors_are_counted_together_as_each_by_itself():
    torch.manual_seed(0)
    tensors = [elements_in(torch.randn(size)) for size in (5, 0, (1 << 20) + 3, 1, 70_000)]
    together = [found for found in curves_of(tensors, threads=3) if found is not None]
    assert len(together) == len(tensors)
    for tensor, found in zip(tensors, together, strict=True):
        alone = finished(curve_of(tensor))
        assert np.array_equal(found.counts, alone.counts)
        assert np.array_equal(found.means, alone.means)


def test_that_odd_values_and_odd_tensors_are_taken_as_they_are(tmp_path):
    tensors = {
        "nan.weight": torch.tensor([[1.0, math.nan], [math.inf, 3.0]]),
        "zero.weight": torch.zeros(4, 4),
        "one.weight": torch.tensor(2.0),
        "empty.weight": torch.empty(0, 3),
        "expanded.weight": torch.ones(1, 3).expand(5, 3),
        "huge.weight": torch.full((2, 2), 1e300, dtype=torch.float64),
    }
    checkpoint = opened(tensors, tmp_path / "odd.pt")
    found = {one.name: one for one in profiles_of(checkpoint, choose(checkpoint), (0.5, 1.0))}
    assert list(found) == ["nan.weight", "zero.weight", "one.weight", "huge.weight"]
    assert (found["nan.weight"].odd, found["nan.weight"].losses[0].l2) == (2, 0.0)
    assert [(loss.l2, loss.error) for loss in found["zero.weight"].losses] == [(1.0, 0.0)] * 2
    assert [(loss.count, loss.l2, loss.error) for loss in found["one.weight"].losses] == [(0, 1, None), (1, 0, None)]
    assert found["huge.weight"].losses[0].l2 == pytest.approx(math.sqrt(0.5))
    assert found["huge.weight"].norm == pytest.approx(2e300)
    assert Whole(list(found.values())).at(0.5).together > 0.5


def test_that_tied_weights_count_once_and_the_plan_of_them_runs(tmp_path):
    weight = torch.randn(40, 40)
    checkpoint = opened({"a.weight": weight, "b.weight": weight, "c.weight": torch.randn(40, 40)}, tmp_path / "tied.pt")
    assert choose(checkpoint) == ("a.weight", "c.weight")
    proposal = proposed(checkpoint, Amount(0.5))
    assert proposal.total == 3200
    assert HoldOut(keep=("b.*",)).reasons(checkpoint, choose(checkpoint)) == {"a.weight": "kept by “b.*”"}
    assert sum(one.pruned for one in pruner.prune(checkpoint, proposal.plan()).tensors.values()) == 1600


def test_that_earlier_rounds_of_a_reversible_file_count(folder, capfdbinary):
    arguments = ["--amount", "2.weight=50%", "--form", "reversible"]
    assert main(["prune", "net.pt", "-o", "r.safetensors", *arguments]) == 0
    capfdbinary.readouterr()
    assert main(["sensitivity", "r.safetensors", "--json", "--tensors", "2.weight", "--ratios", "50"]) == 0
    (parameter,) = said(capfdbinary)["parameters"]
    left = torch_prune.L1Unstructured(0.5).prune(torch.load("net.pt")["2.weight"].double())
    assert (parameter["elements"], parameter["ratios"][0]["pruned"]) == (1500, 750)
    again = torch_prune.L1Unstructured(750 + 1500).prune(left.clone())
    assert parameter["ratios"][0]["l2_kept"] == pytest.approx(float(again.norm() / left.norm()), rel=1e-5)


def test_that_a_mask_that_is_not_looked_at_is_not_passed_over_in_silence(folder, capfd):
    assert main(["prune", "net.pt", "-o", "m.pt", "--amount", "2.weight=50%", "--form", "masked"]) == 0
    capfd.readouterr()
    for arguments in (["sensitivity", "m.pt"], ["plan", "m.pt", "--budget", "30%"]):
        assert main(arguments) == 0
        assert "! 2.weight_orig: in the masked form" in capfd.readouterr().out
    assert main(["check", "m.pt", "--repair", "p.pt", "--only", "renamed_keys"]) == 0
    capfd.readouterr()
    assert main(["sensitivity", "p.pt"]) == 0
    assert "masked form" not in capfd.readouterr().out


def test_that_a_stop_goes_through(folder):
    checkpoint = pruner.open_checkpoint("net.pt")

    def stop(done: int, total: int, what: str) -> None:
        raise pruner.Cancelled

    with pytest.raises(pruner.Cancelled):
        profiles_of(checkpoint, choose(checkpoint), progress=stop)


def convex(rises: list[float]) -> CostCurve:
    return CostCurve(np.arange(len(rises) + 1), np.cumsum([0.0, *sorted(rises)]))


rises_of = st.lists(st.floats(0, 10), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.lists(rises_of, min_size=1, max_size=3), st.data())
def test_that_a_budget_costs_as_little_as_the_best_of_all_ways(rises, data):
    curves = {str(place): convex(one) for place, one in enumerate(rises)}
    limits = {name: data.draw(st.integers(0, curve.most)) for name, curve in curves.items()}
    merged = Merged(curves, limits)
    assert merged.most == sum(limits.values())
    count = data.draw(st.integers(0, merged.most))
    found = merged.split(count)
    assert sum(found.values()) == count
    assert all(0 <= found[name] <= limits[name] for name in curves)
    ways = itertools.product(*(range(most + 1) for most in limits.values()))
    best = min(sum(c.at(n) for c, n in zip(curves.values(), way, strict=True)) for way in ways if sum(way) == count)
    assert merged.cost(found) == pytest.approx(best, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.floats(-5, 5)), min_size=1, max_size=12))
def test_that_the_hull_of_a_measured_curve_is_convex_and_nowhere_above_it(steps):
    counts, costs = np.cumsum([0, *(s[0] for s in steps)]), np.cumsum([0.0, *(s[1] for s in steps)])
    curve = CostCurve(counts, costs)
    hull = curve.hull()
    slopes = np.diff(hull.costs) / np.diff(hull.counts)
    assert (np.diff(slopes) >= -1e-9).all()
    assert (hull.counts[0], hull.most) == (0, curve.most)
    assert all(hull.at(count) <= cost + 1e-9 for count, cost in zip(counts.tolist(), costs, strict=True))
    assert set(hull.counts.tolist()) <= set(counts.tolist())


def test_that_measured_curves_that_are_not_convex_are_optimal_at_their_corners():
    cliff = CostCurve(np.array([0, 10, 20, 30]), np.array([0.0, 0.5, 0.6, 5.0]))
    plain = CostCurve(np.array([0, 10, 20, 30]), np.array([0.0, 0.2, 0.9, 2.0]))
    found = Merged({"cliff": cliff, "plain": plain}, {"cliff": 30, "plain": 30})
    assert np.array_equal(CostCurve.of_ratios(30, {1.0: 5, 0.66: 0.6, 1 / 3: 0.5, 0.34: 0.1}).costs, cliff.costs)
    assert found.split(10) == {"cliff": 0, "plain": 10}
    assert found.split(30) == {"cliff": 20, "plain": 10}
    assert found.split(45) == {"cliff": 20, "plain": 25}


@settings(max_examples=40, deadline=None)
@given(rises_of, st.floats(0, 30))
def test_that_the_largest_count_within_a_cost_costs_no_more_and_the_next_one_does(rises, cost):
    curve = convex(rises)
    found = curve.within(cost)
    assert curve.at(found) <= cost + 1e-9
    assert found == curve.most or curve.at(found + 1) > cost - 1e-9
    assert curve.up_to(found).most == found


def proposed(checkpoint: pruner.Checkpoint, budget: Amount | None, hold: HoldOut | None = None, **bounds: float):
    names = choose(checkpoint)
    profiles = profiles_of(checkpoint, names, ())
    return propose(
        str(checkpoint.path),
        {one.name: one.curve for one in profiles},
        {one.name: one.left for one in profiles},
        budget=budget,
        bounds=Bounds(**bounds),
        held=(hold or HoldOut()).reasons(checkpoint, names),
    )


@given(st.data())
def test_that_a_written_ratio_is_exactly_the_count(data):
    left = data.draw(st.integers(2, 500_000_000))
    one = Planned("w", left, data.draw(st.integers(1, left - 1)), 0.0)
    again = Amount.parse(str(one.amount))
    assert again.is_ratio
    assert again.count(left) == one.count


def test_that_the_plan_of_the_bundled_model_reads_digits_better_than_one_ratio_for_all(tmp_path):
    checkpoint = pruner.open_checkpoint(digits.WEIGHTS)
    proposal = proposed(checkpoint, Amount(0.7))
    free = sum(one.left for one in proposal.planned)
    uniform = pruner.Plan.match(checkpoint, {one.name: proposal.count / free for one in proposal.planned})
    reads = []
    for plan in (proposal.plan(), uniform):
        pruner.save(checkpoint, pruner.prune(checkpoint, plan), tmp_path / "pruned.pt", overwrite=True)
        model = digits.build()
        model.load_state_dict(torch.load(tmp_path / "pruned.pt"))
        reads.append(digits.evaluate(model))
    assert reads[0] > 0.98
    assert reads[1] < 0.95


@pytest.mark.parametrize("budget", [Amount(0.7), Amount(0.123), Amount(1), Amount(4321)])
def test_that_a_plan_prunes_its_budget_exactly_and_costs_what_it_predicts(folder, budget):
    checkpoint = pruner.open_checkpoint("net.pt")
    proposal = proposed(checkpoint, budget)
    result = pruner.prune(checkpoint, proposal.plan())
    every = sum(checkpoint[name].numel for name in choose(checkpoint))
    assert sum(one.pruned for one in result.tensors.values()) == proposal.count == budget.count(every)
    for one in proposal.planned:
        if one.count:
            values, mask = checkpoint.read(one.name).double(), result[one.name].mask.to_tensor()
            assert result[one.name].pruned == one.count
            lost = float((values * ~mask).norm() / values.norm())
            assert math.sqrt(one.cost) == pytest.approx(lost, rel=5e-3, abs=1e-6)


def test_that_a_plan_loses_less_than_one_ratio_for_all_and_one_threshold(folder):
    checkpoint = pruner.open_checkpoint("net.pt")
    proposal = proposed(checkpoint, Amount(0.6))
    names = [one.name for one in proposal.planned]

    def lost(result: pruner.Pruning) -> float:
        values = {name: checkpoint.read(name).double() for name in names}
        return sum(
            float((value * ~result[name].mask.to_tensor()).square().sum() / value.square().sum())
            for name, value in values.items()
        )

    planned = lost(pruner.prune(checkpoint, proposal.plan()))
    free = sum(checkpoint[name].numel for name in names)
    uniform = pruner.Plan.match(checkpoint, dict.fromkeys(names, proposal.count / free))
    together = pruner.Plan.match(checkpoint, dict.fromkeys(names, proposal.count), scope="global")
    assert planned == pytest.approx(sum(one.cost for one in proposal.planned), rel=1e-3)
    assert planned < lost(pruner.prune(checkpoint, uniform))
    assert planned < lost(pruner.prune(checkpoint, together))


def test_that_no_parameter_goes_beyond_the_ceiling_and_the_plan_says_which_stopped_there(tmp_path):
    torch.manual_seed(0)
    spiky = torch.zeros(100, 100)
    spiky[:, 0] = 1
    checkpoint = opened({"spiky.weight": spiky, "even.weight": torch.ones(100, 100)}, tmp_path / "spiky.pt")
    found = {one.name: one for one in proposed(checkpoint, Amount(0.5), ceiling=0.9).planned}
    assert (found["spiky.weight"].count, found["spiky.weight"].limit) == (9000, "ceiling")
    assert (found["even.weight"].count, found["even.weight"].limit) == (1000, "")
    for one in proposed(checkpoint, None, most_cost=10.0, ceiling=1.0).planned:
        assert one.count == one.left - 1


def test_that_the_largest_error_holds_for_each_parameter_with_a_budget_or_without(folder):
    checkpoint = pruner.open_checkpoint("net.pt")
    alone = proposed(checkpoint, None, most_cost=0.2**2)
    assert all(0.19 < math.sqrt(one.cost) <= 0.2 and one.limit == "error" for one in alone.planned)
    within = proposed(checkpoint, Amount(alone.count - 100), most_cost=0.2**2)
    assert within.count == alone.count - 100
    assert all(one.cost <= 0.2**2 for one in within.planned)
    with pytest.raises(PrunerError, match=r"net\.pt: .*the largest error.* at most"):
        proposed(checkpoint, Amount(alone.count + 1), most_cost=0.2**2)


def test_that_small_parameters_ends_and_patterns_are_held_out(folder):
    checkpoint = pruner.open_checkpoint("net.pt")
    names = choose(checkpoint)
    reasons = HoldOut().reasons(checkpoint, names)
    assert set(names) - set(reasons) == {"0.weight", "2.weight", "3.weight"}
    assert reasons["0.bias"] == "one dimension"
    assert set(names) - set(HoldOut(ends=True).reasons(checkpoint, names)) == {"2.weight"}
    assert HoldOut(keep=("2.*",)).reasons(checkpoint, names)["2.weight"] == "kept by “2.*”"
    assert HoldOut(least=1100).reasons(checkpoint, names)["0.weight"] == "fewer than 1,100 elements"
    assert HoldOut(least=0, vectors=True).reasons(checkpoint, names) == {}
    assert "0.bias" not in HoldOut(named=("0.bias",)).reasons(checkpoint, names)
    with pytest.raises(PrunerError, match="matches no tensor"):
        HoldOut(keep=("nowhere.*",)).reasons(checkpoint, names)


@pytest.mark.parametrize(
    ("names", "first", "last"),
    [
        (["stem.weight", "body.weight", "a.weight"], ["stem.weight"], "a.weight"),
        (["only.weight"], ["only.weight"], None),
        (
            ["lm_head.weight", "model.embed_tokens.weight", "model.layers.0.fc.weight", "model.layers.10.fc.weight"],
            ["model.embed_tokens.weight"],
            "lm_head.weight",
        ),
        (
            ["h.0.attn.weight", "h.1.attn.weight", "wpe.weight", "wte.weight"],
            ["wpe.weight", "wte.weight"],
            "h.1.attn.weight",
        ),
        (
            ["classifier.1.weight", "classifier.6.weight", "features.0.weight", "features.10.weight"],
            ["features.0.weight"],
            "classifier.6.weight",
        ),
        (["conv1.weight", "fc.weight", "layer1.0.conv1.weight"], ["conv1.weight"], "fc.weight"),
        (["net.0.weight", "net.10.weight", "net.2.weight"], ["net.0.weight"], "net.10.weight"),
    ],
)
def test_that_the_first_and_the_last_layer_are_found_also_where_the_file_has_them_by_the_alphabet(names, first, last):
    found = ends_of(names)
    assert [name for name, why in found.items() if why.startswith("the first")] == first
    assert next((name for name, why in found.items() if why.startswith("the last")), None) == last


def test_that_the_written_recipe_runs_and_prunes_what_the_plan_says(folder, capfdbinary):
    arguments = ["--budget", "70%", "-o", "recipe.toml", "--json"]
    assert main(["plan", "net.pt", *arguments, "--ceiling", "95%"]) == 0
    planned = said(capfdbinary)
    assert planned["total"]["pruned"] == round(0.7 * planned["total"]["elements"])
    text = Path("recipe.toml").read_text("utf-8")
    assert "of L2 kept, relative error" in text
    assert "Left as they are (one dimension): 0.bias, 1.weight, 1.bias, 2.bias, 3.bias." in text
    assert main(["prune", "net.pt", "-o", "out.pt", "--recipe", "recipe.toml", "--json"]) == 0
    pruned = {one["name"]: one["pruned"] for one in said(capfdbinary)["tensors"]}
    assert pruned == {one["name"]: one["pruned"] for one in planned["parameters"] if one["pruned"]}
    assert main(["plan", "net.pt", *arguments]) == 1  # it exists
    assert main(["plan", "net.pt", *arguments, "--force"]) == 0


def test_that_the_table_of_a_plan_says_what_was_held_out_and_what_stopped(folder, capfd):
    assert main(["plan", "net.pt", "--budget", "80%", "--ceiling", "90%"]) == 0
    out = capfd.readouterr().out
    assert "! at the ceiling" in out
    assert "stop at the ceiling of 90%" in out
    assert "No data was used" in out
    assert "Add -o recipe.toml" in out


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ([], 2, "--budget (such as 70%), --max-error"),
        (["--budget", "to 70%"], 2, "leave out “to”"),
        (["--budget", "lots"], 2, "“lots” is no amount"),
        (["--max-error", "-1"], 2, "out of range"),
        (["--budget", "99%"], 1, "net.pt: 5,470 of 5,525 elements (99.00%) cannot be pruned: the ceiling of 98%"),
        (["--budget", "9000"], 1, "net.pt: 9000 elements are more than the 5525"),
        (["--budget", "10%", "--min-elements", "9999"], 1, "every parameter is held out"),
        (["--budget", "0%", "-o", "r.toml"], 1, "prunes nothing"),
        (["--budget", "50%", "-o", "net.pt", "--force"], 1, "names of their own"),
        (["--budget", "50%", "--tensors", "nothing.*"], 1, "matches no tensor"),
    ],
)
def test_that_a_plan_that_cannot_be_says_why_and_what_to_do(folder, capfd, arguments, status, told):
    assert main(["plan", "net.pt", *arguments]) == status
    assert told in " ".join(capfd.readouterr().err.split())
    assert not Path("r.toml").exists()


def test_that_sensitivity_prints_a_table_json_and_csv_of_the_same_figures(folder, capfdbinary):
    assert main(["sensitivity", "net.pt", "--json"]) == 0
    document = said(capfdbinary)
    assert document["ratios"] == list(RATIOS)
    assert [one["name"] for one in document["parameters"]] == list(choose(pruner.open_checkpoint("net.pt")))
    assert main(["sensitivity", "net.pt", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode())))
    cells = {(row["name"], float(row["ratio"])): row for row in rows if row["scope"] == "parameter"}
    for one in document["parameters"]:
        for loss in one["ratios"]:
            row = cells[one["name"], loss["ratio"]]
            assert (float(row["l2_kept"]), int(row["pruned"])) == (loss["l2_kept"], loss["pruned"])
            assert row["output_error"] == ("" if loss["output_error"] is None else repr(loss["output_error"]))
    assert [float(row["l2_kept"]) for row in rows if row["scope"] == "global"] == [
        one["global_l2_kept"] for one in document["whole"]
    ]
    assert main(["sensitivity", "net.pt", "--ratios", "90%, 0.5, 12.5", "--tensors", "2.weight"]) == 0
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert lines[1].split() == ["parameter", "elements", "12.5%", "50%", "90%"]
    assert lines[2].split()[:2] == ["2.weight", "3,000"]


def test_that_the_picture_is_sound_xml_with_a_cell_for_every_parameter_and_ratio(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    names = ["a<b>&c.weight", "control\x01.weight", "long." * 30 + "weight"]
    save_file({name: torch.randn(8, 8) for name in names}, "odd.safetensors")
    assert main(["sensitivity", "odd.safetensors", "--ratios", "50,90", "--plot", "odd.svg"]) == 0
    text = Path("odd.svg").read_text("utf-8")
    drawn = ET.fromstring(text)
    texts = ["".join(one.itertext()) for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert names[0] in texts
    assert texts.count("50%") >= 1
    assert len([one for one in texts if one.count(".") == 1 and one.replace(".", "").isdigit()]) == 6
    many = tuple(profiles_of(pruner.open_checkpoint("odd.safetensors"), names[:1], (0.5,))) * 500
    assert len(list(ET.fromstring(picture("m", many, Whole(many[:1]))).iter())) > 500
    capfd.readouterr()
    assert main(["sensitivity", "odd.safetensors", "--plot", "odd.svg"]) == 1
    assert "exists already" in capfd.readouterr().err


@pytest.mark.parametrize("ratios", ["101", "-1", "a", "", "nan", "10,,20"])
def test_that_wrong_ratios_are_wrong_usage(folder, capfd, ratios):
    assert main(["sensitivity", "net.pt", "--ratios", ratios]) == 2
    assert "ratio" in capfd.readouterr().err
