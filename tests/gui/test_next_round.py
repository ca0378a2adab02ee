"""What the window says before a round is what the round then does, or nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.channels import count_channels
from app.choice import Choice
from app.next_round import NextRound
from app.zeros import count_in_file
from pruner import Amount, AmountValueError, PrunerError, open_checkpoint, prune

METHODS = {
    "l1_unstructured": {},
    "ln_structured": {"n": 1},
    "random_unstructured": {"seed": 3},
    "random_structured": {"dim": 1},
    "n_m": {},
    "threshold": {"value": 0.4},
}
AMOUNTS = [Amount(0.3), Amount(0.0), Amount(2), Amount.target(0.5), Amount.target(0.1)]
NAMES = ["dense", "sparse", "tied", "twin"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    tied = torch.randn(8, 8)
    sparse = torch.randn(16, 8, 3)
    sparse[torch.rand_like(sparse) < 0.25] = 0
    torch.save({"dense": torch.randn(12, 8), "sparse": sparse, "tied": tied, "twin": tied}, tmp_path / "m.pt")
    return tmp_path / "m.pt"


def counted(planned: NextRound) -> NextRound:
    """With all zeros and channels counted, as the view lane does."""
    zeros = {name: count for found in count_in_file(planned.checkpoint) if found for name, count in found.items()}
    planned = replace(planned, zeros=zeros)
    if planned.pruning is None or not planned.choice.counts_channels:
        return planned
    return replace(planned, channels={k: v for found in count_channels(planned) if found for k, v in found.items()})


def run(planned: NextRound) -> NextRound:
    """The state when the round has run."""
    plan = planned.choice.plan(planned.planned, planned.checkpoint.tensors)
    return replace(planned, pruning=prune(planned.checkpoint, plan, "cpu", after=planned.pruning), entries={})


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_that_what_is_said_before_is_what_is_there_after(path, method, amount, scope):
    choice = replace(Choice().of_kind(method).with_options(METHODS[method]), wanted=scope)
    start = NextRound(open_checkpoint(path), choice=choice, entries=dict.fromkeys(NAMES, amount))
    planned = counted(start)
    for _ in range(2):
        after = run(planned)
        taken = {name: after.pruning[name].rounds[-1].pruned for name in NAMES}
        for name in NAMES:
            said = planned.outlook(name)
            assert said.now == (planned.pruning[name].zeros if planned.pruning else planned.zeros[name])
            assert said.planned in (None, after.pruning[name].zeros)
            if planned.count(name) is not None and not choice.counts_channels and not amount.is_target:
                assert planned.count(name) == taken[name]
        _, whole = planned.outlook_of_all()
        assert whole.planned in (None, sum(after.pruning[name].zeros for name in NAMES))
        if choice.together and not amount.is_target:
            assert planned.count_of_all == sum(taken[name] for name in NAMES if name != "twin")
        planned = counted(replace(after, entries=start.entries))


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("amount", [Amount(0.3), Amount.target(0.5)], ids=str)
def test_that_the_zeros_of_magnitudes_are_known_before_wherever_amounts_count(path, amount, scope):
    names = ["dense", "sparse"]
    choice = Choice(wanted=scope)
    planned = counted(NextRound(open_checkpoint(path), choice=choice, entries=dict.fromkeys(names, amount)))
    after = run(planned)
    _, whole = planned.outlook_of_all()
    unplanned = planned.zeros["tied"] + planned.zeros["twin"]
    assert whole.planned == unplanned + sum(after.pruning[name].zeros for name in names)
    assert (planned.outlook("sparse").planned is None) == (scope == "global")


def test_that_a_target_is_unknown_while_zeros_are_not_counted(path):
    planned = NextRound(open_checkpoint(path), entries={"sparse": Amount.target(0.5)})
    assert set(planned.planned) == {"sparse"}
    assert planned.count("sparse") is None
    assert planned.outlook("sparse") is None
    assert counted(planned).count("sparse") == 192 - int((torch.load(path)["sparse"] == 0).sum())


def test_that_channels_are_unknown_until_what_is_left_is_counted(path):
    first = counted(NextRound(open_checkpoint(path), entries={"dense": Amount(0.9)}))
    choice = Choice().of_kind("ln_structured")
    planned = replace(run(first), choice=choice, entries={"dense": Amount(0.5)}, channels={})
    assert planned.count("dense") is None
    assert counted(planned).left("dense") <= 12
    assert counted(planned).count("dense") is not None


def test_that_a_count_above_what_is_left_is_not_planned_and_says_why(path):
    planned = NextRound(open_checkpoint(path), None, Choice().of_kind("ln_structured"), {"dense": Amount(50)})
    assert planned.planned == {}
    assert planned.why_not("dense") == "50 is more than the 12 channels that can be pruned"
    with pytest.raises(AmountValueError):
        prune(planned.checkpoint, planned.choice.plan({"dense": Amount(50)}, ["dense"]), "cpu")


def test_that_a_choice_keeps_the_scope_for_when_a_method_has_it_again():
    together = Choice().with_scope("global").with_bounds(0.1, 0.9)
    structured = together.of_kind("ln_structured")
    assert structured.scope == "local"
    assert not structured.bounded
    assert structured.of_kind("scores").scope == "global"
    with pytest.raises(PrunerError, match="each tensor by itself"):
        structured.with_scope("global")
    with pytest.raises(PrunerError):
        together.with_bounds(0.9, 0.1)
