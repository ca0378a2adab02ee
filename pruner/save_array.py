"""A tensor, or a rectangle of its grid, as NumPy's `.npy`, streamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from pruner.dtypes import torch_dtype
from pruner.errors import PrunerError
from pruner.files import appearing
from pruner.page import BAND, Sheet, State, exact_dtype
from pruner.progress import Meter, Progress
from pruner.pyramid import Area
from pruner.targets import require_free

RAGGED = "The last row of the selection is shorter than the others: leave it out, or select whole rows."


def array_dtype(sheet: Sheet, state: State) -> np.dtype[np.generic]:
    """The element type that a saved array has: NumPy's own of that name, or the one in which `exact` holds it."""
    return np.dtype(np.bool_) if state == "mask" else exact_dtype(torch_dtype(sheet.info.dtype))


def save_array(
    sheet: Sheet, state: State, target: Path, *, area: Area | None = None, progress: Progress | None = None
) -> int:
    """Save a tensor's values before or after pruning, or its mask (bools), as `.npy`; gives the file's bytes.

    `area` is what to save of the tensor's grid, in its `Grid.shape_of`; None is all of it, in the tensor's shape. The
    file appears whole or not at all and replaces an older one. Raises `PrunerError` for the source as the target, for
    an area with a shorter last row, and for what the disk refuses.
    """
    chosen = area or sheet.grid.whole
    shape = sheet.grid.shape_of(chosen)
    if shape is None:
        raise PrunerError(RAGGED)
    try:
        require_free(sheet.checkpoint, target, overwrite=True)
    except OSError as error:
        raise PrunerError(f"{target}: this name cannot be used ({error.strerror}). Choose another.") from error
    dtype = array_dtype(sheet, state)
    left = int(np.prod(shape, dtype=np.int64))
    meter = Meter(left * dtype.itemsize, progress)
    with appearing(target) as partial:
        with partial.open("wb") as file:
            header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            npy.write_array_header_1_0(file, header)
            for part in sheet.parts(chosen, state, BAND):
                meter.step(0, sheet.info.name)
                if part is not None:
                    flat = np.ascontiguousarray(part).reshape(-1)[:left]
                    file.write(flat.data)
                    left -= len(flat)
                    meter.step(flat.nbytes, sheet.info.name)
            nbytes = file.tell()
        sheet.checkpoint.require_current(sheet.info)
    return nbytes
