"""The text of a rectangle of values, for the clipboard: every number reads back as exactly the same."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Literal

import numpy as np

from app import numbers
from pruner import PrunerError
from pruner.dtypes import torch_dtype
from pruner.page import Array, Sheet, State
from pruner.pyramid import Area
from pruner.save_array import RAGGED

Format = Literal["text", "CSV", "Python"]
MOST = 1_000_000
"""Elements that are put on the clipboard at most."""
_AT_ONCE = 1 << 13
"""Elements that are written between two turns of the GUI thread."""


def require_copyable(sheet: Sheet, area: Area, form: Format) -> None:
    """Raise `PrunerError` where an area is too large for the clipboard, or has no shape as a list."""
    count = area.rows * area.columns
    if count > MOST:
        raise PrunerError(
            f"{numbers.plural(count, 'value')} are too many for the clipboard, which takes "
            f"{numbers.count(MOST)}. Save the selection as .npy instead."
        )
    if form == "Python" and sheet.grid.shape_of(area) is None:
        raise PrunerError(RAGGED)


def counted(sheet: Sheet, area: Area) -> str:
    """How many elements an area has, in words."""
    end = min((area.bottom - 1) * sheet.grid.columns + area.right, sheet.grid.numel)
    last = max(0, end - (area.bottom - 1) * sheet.grid.columns - area.left)
    return numbers.plural((area.rows - 1) * area.columns + last, "value")


def text_of(sheet: Sheet, area: Area, state: State, form: Format) -> Generator[None, None, str]:
    """An area's values before or after pruning, as text; gives way between its pieces.

    Text has tabs between columns, as spreadsheets take it, CSV commas; both have a line for each row. Python is an
    expression of nested lists in `torch.tensor`, in the shape of `Grid.shape_of`. Raises `PrunerError` where the
    numbers cannot be read.
    """
    rows: list[list[str]] = []
    last = sheet.grid.numel - (sheet.grid.rows - 1) * sheet.grid.columns - area.left
    for part in sheet.parts(area, state, _AT_ONCE):
        if part is not None:
            words = _words(part, python=form == "Python")
            rows += [words[start : start + area.columns] for start in range(0, len(words), area.columns)]
        yield None
    if area.bottom == sheet.grid.rows:
        rows[-1] = rows[-1][: max(0, last)]
    if form != "Python":
        return "".join(f"{(',' if form == 'CSV' else chr(9)).join(row)}\n" for row in rows)
    shape = sheet.grid.shape_of(area)
    assert shape is not None
    words = [word for row in rows for word in row]
    what = "" if state == "before" else ", after pruning"
    return f"# {sheet.info.name!r}{what}\n{_expression(words, shape, sheet.info.dtype)}\n"


def _expression(words: list[str], shape: tuple[int, ...], dtype: str) -> str:
    return f"torch.tensor({_nested(words, shape, 4)}, dtype={torch_dtype(dtype)})"


def _nested(words: list[str], shape: tuple[int, ...], indent: int) -> str:
    if not shape:
        return words[0]
    if len(shape) == 1:
        return f"[{', '.join(words)}]"
    each = math.prod(shape[1:])
    space = " " * indent
    inner = [_nested(words[start : start + each], shape[1:], indent + 4) for start in range(0, len(words), each)]
    return "[\n" + "".join(f"{space}{one},\n" for one in inner) + " " * (indent - 4) + "]"


def _words(values: Array, *, python: bool) -> list[str]:
    """The numbers as the shortest decimals that are read back as exactly these."""
    flat = values.reshape(-1)
    if flat.dtype.kind == "c":
        return [_complex(one, python=python) for one in flat.tolist()]
    if flat.dtype.kind != "f":
        return [str(one) for one in flat.tolist()]
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    words: list[str] = flat.astype("U32").tolist()
    if flat.dtype == np.float32:  # Python reads a decimal as float64 first, and might round twice
        with np.errstate(over="ignore"):
            again = np.array([float(word) for word in words]).astype(np.float32)
        for place in np.flatnonzero(again.view(np.uint32) != flat.view(np.uint32)):
            if flat[place] == flat[place]:
                words[place] = repr(float(flat[place]))
    if python and not np.isfinite(flat).all():
        words = [word if word[-1] not in "nf" else f"float('{word}')" for word in words]
    return words


def _complex(number: complex, *, python: bool) -> str:
    if not python:
        return str(number).strip("()")
    parts = (repr(one) if math.isfinite(one) else f"float('{one}')" for one in (number.real, number.imag))
    return f"complex({', '.join(parts)})"
