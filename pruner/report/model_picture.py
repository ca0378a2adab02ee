"""The whole model as a picture: nested rectangles, and the tensors in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pruner.report.colours import GREY, LINE, hexed, mixed, on
from pruner.report.drawing import box, fitted, picture, words
from pruner.report.facts import Report, TensorFacts, Totals
from pruner.report.markup import Markup, element
from pruner.report.words import count, percent, plural
from pruner.treemap import Rectangle, treemap

_WIDTH, _HEIGHT, _HEADER = 720.0, 380.0, 15.0
_STRIP = 22.0
_LEAST_AREA = 0.3
_LEAST_WIDE = 0.6
_UNKNOWN = "url(#unknown)"


def model_picture(report: Report) -> Markup:
    """Every tensor as a rectangle as large as its elements are many, coloured by its sparsity; with a legend."""
    facts = {one.name: one for one in report.tensors}
    laid = treemap(report.tree, _WIDTH, _HEIGHT, _HEADER).rectangles
    shown = [one for one in laid if one.width * one.height >= _LEAST_AREA]
    small = sum(not one.is_module for one in laid) - sum(not one.is_module for one in shown)
    total = report.total
    about = (
        f"{plural(total.tensors, 'tensor')} as rectangles whose areas are their numbers of elements, in their modules. "
        f"{count(total.zeros)} of {count(total.counted_numel)} elements are zero, {percent(total.sparsity)}."
    )
    if small:
        about += f" {plural(small, 'tensor')} too small to be seen."
    parts = [part for one in shown for part in _rectangle(one, facts)]
    return picture("model", _WIDTH, _HEIGHT + 26, "The whole model by sparsity", about, _stripes(), *parts, *_legend())


def strip_picture(report: Report) -> Markup:
    """The tensors side by side in the order of the file, as wide as their elements are many."""
    about = "From left to right: " + ", ".join(
        f"{one.name} {percent(one.sparsity)}" for one in report.tensors[:40] if one.numel
    )
    if len(report.tensors) > 40:
        about += f", and {len(report.tensors) - 40} more"
    return picture("strip", _WIDTH, _STRIP, "Sparsity in the order of the file", f"{about}.", *_strip(report))


def _strip(report: Report) -> Iterator[Markup]:
    """Boxes of tensors; those that are too narrow to be seen share one."""
    scale = _WIDTH / (report.total.numel or 1)
    group: list[TensorFacts] = []
    begin = end = 0
    last = next((one for one in reversed(report.tensors) if one.numel), None)
    for one in report.tensors:
        if not one.numel:
            continue
        group.append(one)
        end += one.numel
        wide = (end - begin) * scale
        if wide < _LEAST_WIDE and one is not last:
            continue
        total = Totals.of(group)
        told = group[0].name if len(group) == 1 else f"{count(len(group))} tensors, {group[0].name} to {one.name}"
        gap = 0.5 if wide > 4 else 0.0
        fill = _fill(total.sparsity if total.counted else None)
        title = element("title", f"{told}: {percent(total.sparsity)}")
        yield box(begin * scale, 0, max(wide - gap, 0.1), _STRIP, fill, title)
        group, begin = [], end


def _rectangle(one: Rectangle, facts: Mapping[str, TensorFacts]) -> Iterator[Markup]:
    if one.is_module:
        yield box(one.x, one.y, one.width, one.height, "#FFFFFF", stroke=LINE, stroke_width=0.6)
        if one.header and (label := fitted(one.name, one.width - 6)):
            yield words(one.x + 3, one.y + 11, label, font_size="9.5")
        return
    tensor = facts[one.name]
    title = element("title", f"{one.name}: {_told(tensor)}")
    yield box(one.x, one.y, one.width, one.height, _fill(tensor.sparsity), title, stroke="#FFFFFF", stroke_width=0.6)
    yield from _label(one, tensor)


def _label(one: Rectangle, tensor: TensorFacts) -> Iterator[Markup]:
    """The name's last part and the sparsity, where there is room."""
    own = fitted(one.name.rpartition(".")[2], one.width - 8)
    if one.height < 16 or not own:
        return
    ink = on(mixed(tensor.sparsity)) if tensor.sparsity is not None else "#000000"
    yield words(one.x + 4, one.y + 12, own, ink)
    told = percent(tensor.sparsity, 1)
    if one.height >= 30 and fitted(told, one.width - 8) == told:
        yield words(one.x + 4, one.y + 24, told, ink)


def _told(tensor: TensorFacts) -> str:
    if tensor.zeros is None:
        return "its numbers cannot be read"
    return f"{percent(tensor.sparsity)} zero, {count(tensor.zeros)} of {count(tensor.numel)}"


def _fill(sparsity: float | None) -> str:
    return _UNKNOWN if sparsity is None else hexed(mixed(sparsity))


def _stripes() -> Markup:
    """The pattern of what is not known, and the colours of the legend."""
    line = element("path", d="M0 6 L6 0", stroke=LINE, stroke_width=1)
    pattern = element(
        "pattern", box(0, 0, 6, 6, GREY), line, id="unknown", width="6", height="6", patternUnits="userSpaceOnUse"
    )
    stops = [element("stop", offset=f"{10 * step}%", stop_color=hexed(mixed(step / 10))) for step in (0, 10)]
    return element("defs", pattern, element("linearGradient", *stops, id="sparsity"))


def _legend() -> Iterator[Markup]:
    y = _HEIGHT + 20
    yield words(0, y, "0\u202f% zero")
    yield box(48, y - 9, 160, 11, "url(#sparsity)")
    yield words(214, y, "100\u202f% zero")
    yield box(300, y - 9, 24, 11, _UNKNOWN)
    yield words(330, y, "numbers cannot be read")
