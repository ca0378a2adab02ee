"""What `secateur prune --recipe` says of a recipe before it runs."""

from __future__ import annotations

import click

from pruner.checkpoint import Checkpoint
from pruner.cli.shared import one_line
from pruner.plan import Plan
from pruner.recipes.problems import RecipeError
from pruner.recipes.recipe import Recipe

_NAMED = 5


def plans_of(recipe: Recipe, checkpoint: Checkpoint) -> tuple[Plan, ...]:
    """The plans of a recipe; stderr tells which parameters no pattern takes.

    Raises `RecipeError` (a `PrunerError`) where a pattern matches nothing.
    """
    found = recipe.match(checkpoint)
    if found.problems:
        raise RecipeError(recipe.name, found.problems)
    if found.untouched:
        more = f" and {len(found.untouched) - _NAMED:,} more" if len(found.untouched) > _NAMED else ""
        names = ", ".join(found.untouched[:_NAMED])
        told = f"{recipe.name} leaves as they are, since no pattern takes them: {names}{more}."
        click.echo(one_line(told), err=True)
    return found.plans
