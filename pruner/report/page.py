"""The report as one HTML page that needs nothing else: no scripts, no links."""

from __future__ import annotations

from collections.abc import Iterable

from pruner.methods import described
from pruner.printable import size
from pruner.report.cells import table_of
from pruner.report.facts import Report, Totals
from pruner.report.gathering import MOST_PICTURES
from pruner.report.markup import Markup, element, joined, text
from pruner.report.model_picture import model_picture, strip_picture
from pruner.report.style import STYLE
from pruner.report.tensor_drawing import histogram_picture, map_picture, map_words
from pruner.report.tensor_tables import figures_table, left_table, pruned_table
from pruner.report.words import amounts_words, count, percent, plural


def page(report: Report) -> str:
    """The page, whose bytes follow from the report alone."""
    title = f"Pruning report: {report.source}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=f"Secateur {dict(report.versions).get('Secateur', '')}".strip()),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    body = element("body", element("main", *_sections(report)))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _sections(report: Report) -> Iterable[Markup]:
    yield _header(report)
    yield _section("Files", _files(report))
    yield _section("Rounds", _rounds(report))
    yield _section("Whole model", _whole(report))
    yield _section("What was pruned", _pruned(report))
    yield _section("Before and after", _figures(report))
    if any(one.picture is not None for one in report.tensors):
        yield _section("Pictures", _pictures(report))
    if any(one.pruning is None for one in report.tensors):
        yield _section("Left as they are", element("div", left_table(report), class_="wide"))
    if report.warnings:
        yield _section("Remarks", element("ul", *(element("li", one) for one in report.warnings)))
    yield _section("Versions", table_of((), report.versions))
    if report.recipe:
        yield _section("Recipe", _recipe(report))


def _section(title: str, *content: str) -> Markup:
    return element("section", element("h2", title), *content)


def _header(report: Report) -> Markup:
    taken, whole = report.total_pruned, report.total
    where = f", weights under “{report.root}”" if report.root else ""
    said = (
        f"{count(taken.pruned)} of {count(taken.numel)} elements of {plural(taken.tensors, 'tensor')} pruned, "
        f"in {plural(len(report.plans), 'round')}. The sparsity of these tensors went from "
        f"{percent(taken.sparsity_before)} to {percent(taken.sparsity)}, that of the whole model from "
        f"{percent(whole.sparsity_before)} to {percent(whole.sparsity)}."
    )
    return element(
        "header",
        element("h1", f"Pruning report: {report.source}"),
        element(
            "p",
            f"{report.format}{where}: {plural(whole.tensors, 'tensor')}, {plural(whole.numel, 'element')}",
            class_="quiet",
        ),
        element("p", said),
        element("p", _norms(taken), class_="quiet"),
    )


def _norms(taken: Totals) -> str:
    return (
        f"Of the norms of the pruned tensors {percent(taken.l1_kept)} (L1) and {percent(taken.l2_kept)} (L2) remain. "
        "Sparsity is the share of zeros as they would be saved."
    )


def _files(report: Report) -> Markup:
    roles = {"output": f"output ({report.form} form)"}
    rows = [
        (
            text(roles.get(one.role, one.role)),
            text(one.name),
            element("span", f"{count(one.nbytes)}", title=size(one.nbytes)),
            element("span", one.sha256, class_="hash"),
        )
        for one in report.files
    ]
    table = table_of(("", "Name", "Bytes", "SHA-256"), rows, numbers=(2,))
    if any(one.role == "output" for one in report.files):
        return table
    return joined(table, element("p", "No output was saved when this was made.", class_="quiet"))


def _rounds(report: Report) -> Markup:
    rows = []
    for number, plan in enumerate(report.plans, start=1):
        methods = dict.fromkeys(described(step.method) for step in plan.steps.values())
        scope = "all tensors together (global)" if plan.scope == "global" else "each tensor by itself (local)"
        pruned = sum(_taken(report, number - 1).values())
        rows.append(
            (str(number), ", ".join(methods), scope, amounts_words(plan), count(len(plan.steps)), count(pruned))
        )
    return table_of(("Round", "Method", "Scope", "Amounts", "Tensors", "Pruned"), rows, numbers=(4, 5))


def _taken(report: Report, index: int) -> dict[str, int]:
    """What the plan of that index pruned of each tensor."""
    plan, earlier = report.plans[index], report.plans[:index]
    found = {}
    for one in report.pruned:
        if one.name in plan.steps and one.pruning is not None:
            found[one.name] = one.pruning.rounds[sum(one.name in before.steps for before in earlier)].pruned
    return found


def _whole(report: Report) -> Markup:
    return joined(
        element("figure", model_picture(report), element("figcaption", "Areas are numbers of elements.")),
        element("figure", strip_picture(report), element("figcaption", "The tensors in the order of the file.")),
    )


def _pruned(report: Report) -> Markup:
    note = (
        "The threshold is the largest magnitude, norm or score that the last round pruned. Dead channels are those of "
        "the first dimension in which every value is zero afterwards."
    )
    return joined(element("div", pruned_table(report), class_="wide"), element("p", note, class_="quiet"))


def _figures(report: Report) -> Markup:
    note = "NaN and infinite elements are left out of all figures but their counts; what is pruned counts as 0."
    return joined(element("div", figures_table(report), class_="wide"), element("p", note, class_="quiet"))


def _pictures(report: Report) -> Markup:
    drawn = [one for one in report.tensors if one.picture is not None]
    said = "Histograms of magnitudes before pruning: ink is kept, sand is pruned. Maps of masks in the same colours."
    if len(drawn) < len(report.pruned):
        said += f" Drawn are the {MOST_PICTURES} largest of {count(len(report.pruned))} pruned tensors."
    cards = []
    for place, one in enumerate(drawn):
        assert one.picture is not None
        caption = f" {percent(one.pruned / one.numel)} pruned; in the map {map_words(one.picture)}."
        cards.append(
            element(
                "figure",
                element("figcaption", element("b", one.name), caption),
                element(
                    "div",
                    histogram_picture(f"histogram-{place}", one, one.picture),
                    map_picture(one, one.picture),
                    class_="pair",
                ),
            )
        )
    return joined(element("p", said, class_="quiet"), element("div", *cards, class_="pictures"))


def _recipe(report: Report) -> Markup:
    lines = Markup("\n".join(text(line) for line in report.recipe.splitlines()))
    how = "Saved as a file that ends in .toml it does the same again: secateur prune FILE -o OUT --recipe recipe.toml"
    return joined(element("p", how, class_="quiet"), element("pre", element("code", lines)))
