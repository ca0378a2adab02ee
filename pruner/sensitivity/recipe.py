"""A proposal as a recipe, whose comments tell what each amount is predicted to cost."""

from __future__ import annotations

import math

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint
from pruner.errors import PrunerError
from pruner.recipes.recipe import Recipe
from pruner.recipes.rounds import RecipeRound
from pruner.sensitivity.choosing import told
from pruner.sensitivity.planning import Planned, Proposal


def recipe_of(checkpoint: Checkpoint, proposal: Proposal) -> Recipe:
    """The recipe that runs a proposal; raises `PrunerError` where it prunes nothing."""
    from pruner import __version__

    steps = proposal.plan().steps
    if not steps:
        raise PrunerError(f"{checkpoint.path}: this plan prunes nothing. Ask for more.")
    notes = {one.name: _note(proposal, one) for one in proposal.planned}
    lines = [
        asked(proposal),
        "Predicted from the weights alone: no data was used and nothing was retrained. Measure the result.",
        "Relative error: of the layer's output, for inputs of unit covariance.",
        *told(dict(proposal.held) | {one.name: "it would cost most" for one in proposal.planned if not one.count}),
    ]
    only = RecipeRound({name: step.amount for name, step in steps.items()}, comment="\n".join(lines), notes=notes)
    return Recipe((only,), comment=f"A plan of Secateur {__version__}, made for {checkpoint.path.name}.")


def asked(proposal: Proposal) -> str:
    """What the proposal keeps to, as a sentence."""
    share = f"{proposal.count:,} of {proposal.total:,} elements ({proposal.count / proposal.total:.2%})"
    if proposal.budget is None:
        return f"{share} are pruned: as many as a relative error of {_most(proposal)} for each parameter allows."
    also = "" if proposal.most_cost is None else f", no parameter above a relative error of {_most(proposal)}"
    return f"{share} are pruned, at the least sum of squared relative errors{also}."


def kept(cost: float) -> str:
    """The share of the L2 norm that remains, as a percentage."""
    return f"{math.sqrt(max(0.0, 1 - cost)):.1%}"


def _note(proposal: Proposal, one: Planned) -> str:
    stopped = f"; held at the ceiling of {Amount(proposal.ceiling)}" if one.limit == "ceiling" else ""
    lost = f"{kept(one.cost)} of L2 kept, relative error {math.sqrt(one.cost):.3f}"
    return f"{one.count:,} of {one.left:,}; {lost}{stopped}"


def _most(proposal: Proposal) -> str:
    return f"{math.sqrt(proposal.most_cost or 0.0):.4g}"
