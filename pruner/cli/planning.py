"""From options of the command line to a plan: which go together, and what to write where they do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click
from click.core import ParameterSource

from pruner.amount import Amount
from pruner.cli.shared import one_line
from pruner.errors import PrunerError
from pruner.methods import Method, Scope, make_method, method_named, methods, options_of, scopes_of, takes_amount
from pruner.recipes.rounds import NO_AMOUNT, RecipeRound


def asked_for(
    method: Method,
    scope: Scope,
    amounts: Mapping[str, Amount],
    floors: Mapping[str, float],
    ceilings: Mapping[str, float],
    exclude: tuple[str, ...],
) -> RecipeRound:
    """What to prune and how, known to go together before any file is opened.

    Raises `click.UsageError` where the scope does not go with the rest.
    """
    if scope not in scopes_of(method):
        having = ", ".join(name for name, kind in methods().items() if scope in scopes_of(kind))
        raise click.UsageError(
            f"{method.name} works in each tensor by itself: leave out --scope {scope}, or choose a method that has it: "
            f"{having}."
        )
    if scope == "global":
        if len(set(amounts.values())) > 1:
            raise click.UsageError(
                "With --scope global one amount counts over all tensors together: give every --amount the same, "
                "and bound single tensors by --floor and --ceiling."
            )
    elif floors or ceilings:
        given = "--floor" if floors else "--ceiling"
        raise click.UsageError(f"{given} has a meaning with --scope global only: add that, or leave it out.")
    return RecipeRound(amounts, method, scope, exclude, floors, ceilings)


def alone(context: click.Context, option: str, others: Iterable[str]) -> None:
    """Raise `click.UsageError` where one of the other parameters is given beside an option that says all of it."""
    for name in others:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = next(one.opts[-1] for one in context.command.params if one.name == name)
            raise click.UsageError(f"{option} says what {flag} would: leave one of the two out.")


def method_of(name: str, given: Mapping[str, str]) -> Method:
    """The method with its options; raises `click.UsageError` for an option that is wrong or missing."""
    for one in options_of(method_named(name)):
        if one.default is None and one.name not in given:
            raise click.UsageError(f"--method {name} needs --option {one.name}=…: {one.about}")
    try:
        return make_method(name, given)
    except PrunerError as error:
        raise click.UsageError(one_line(f"--option: {error}")) from None


def amounts_of(method: Method, amounts: Mapping[str, Amount], tensors: tuple[str, ...]) -> Mapping[str, Amount]:
    """Amounts by pattern, from --amount or --tensors, whichever the method takes; raises `click.UsageError`."""
    if takes_amount(method):
        if tensors:
            others = ", ".join(name for name, kind in methods().items() if not takes_amount(kind))
            raise click.UsageError(
                f"--tensors is for the methods that take no amount ({others}); {method.name} takes one: "
                "write --amount 'PATTERN=AMOUNT' instead."
            )
        if not amounts:
            raise click.UsageError(f"{method.name} needs an amount: add --amount, such as --amount '*.weight=30%'.")
        return amounts
    if amounts:
        raise click.UsageError(f"{method.name} takes no amount: write --tensors 'PATTERN' in place of --amount.")
    if not tensors:
        raise click.UsageError(f"{method.name} needs tensors: add --tensors, such as --tensors '*.weight'.")
    return dict.fromkeys(tensors, NO_AMOUNT)
