"""The element types a checkpoint can hold, known without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pruner.errors import PrunerError

if TYPE_CHECKING:
    import torch

Family = Literal["float", "integer", "bool", "complex", "scale", "quantized", "packed"]


@dataclass(frozen=True, slots=True)
class DType:
    """One element type.

    `name` is torch's without `torch.`; `bits` is the size of an element; `family` says what pruning it means:
    `scale` is an exponent without a zero (float8_e8m0fnu), `quantized` an integer that a scale and a zero point outside
    it turn into a number, `packed` holds several numbers in a byte.
    """

    name: str
    bits: int
    family: Family

    @property
    def itemsize(self) -> int:
        """Bytes an element; 0 for the types of less than a byte."""
        return self.bits // 8

    @property
    def prunable(self) -> bool:
        """Whether single elements have a magnitude and can be written as zero."""
        return self.family in ("float", "integer", "complex")

    def nbytes(self, numel: int) -> int:
        """Bytes that `numel` elements take."""
        return (numel * self.bits + 7) // 8


def _table() -> dict[str, DType]:
    table: dict[str, DType] = {}
    families: dict[Family, dict[str, int]] = {
        "float": {
            "float64": 64,
            "float32": 32,
            "float16": 16,
            "bfloat16": 16,
            "float8_e4m3fn": 8,
            "float8_e4m3fnuz": 8,
            "float8_e5m2": 8,
            "float8_e5m2fnuz": 8,
        },
        "integer": {
            "int64": 64,
            "int32": 32,
            "int16": 16,
            "int8": 8,
            "uint8": 8,
            "uint16": 16,
            "uint32": 32,
            "uint64": 64,
        },
        "bool": {"bool": 8},
        "complex": {"complex32": 32, "complex64": 64, "complex128": 128},
        "scale": {"float8_e8m0fnu": 8},
        "quantized": dict.fromkeys(("qint8", "quint8"), 8) | {"qint32": 32},
        "packed": {"float4_e2m1fn_x2": 8, "float6_e2m3": 6, "float6_e3m2": 6, "quint4x2": 4, "quint2x4": 2},
    }
    for family, sizes in families.items():
        for name, bits in sizes.items():
            table[name] = DType(name, bits, family)
    return table


DTYPES: dict[str, DType] = _table()
_INTEGERS_OF = {"qint8": "int8", "quint8": "uint8", "qint32": "int32"}


def torch_dtype(name: str) -> torch.dtype:
    """torch's object for a type's name, for a quantized one that of the integers it stores.

    Raises `PrunerError` where this torch has none.
    """
    import torch

    dtype = getattr(torch, _INTEGERS_OF.get(name, name), None)
    if not isinstance(dtype, torch.dtype):
        raise PrunerError(f"{name} is a type that torch {torch.__version__} does not have.")
    return dtype
