"""The columns of the module tree."""

from __future__ import annotations

from enum import IntEnum


class Column(IntEnum):
    """The columns of the tree."""

    NAME = 0
    SHAPE = 1
    ELEMENTS = 2
    SPARSITY = 3
    AMOUNT = 4
    AFTER = 5
    KIND = 6
    DTYPE = 7
    SIZE = 8


HEADERS = {
    Column.NAME: ("Name", "The tensor's or module's name"),
    Column.SHAPE: ("Shape", "Sizes of the dimensions; the class of a module where the file tells it"),
    Column.ELEMENTS: ("Elements", "Number of elements"),
    Column.SPARSITY: ("Sparsity", "Zeros / elements, of the values as they would be saved now"),
    Column.AMOUNT: (
        "Amount",
        "What the next round prunes: a ratio (30%), a count (1000) or what is missing of a target (to 80%). "
        "Type to set it",
    ),
    Column.AFTER: ("After", "Sparsity after the planned round"),
    Column.KIND: ("Kind", "Parameter or buffer; “tensor” where the file does not tell"),
    Column.DTYPE: ("Type", "Element type"),
    Column.SIZE: ("Size", "Bytes of the values"),
}
RIGHT = {Column.SHAPE, Column.ELEMENTS, Column.SPARSITY, Column.AMOUNT, Column.AFTER, Column.SIZE}
