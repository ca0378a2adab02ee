"""Distinct values of small types, against torch."""

import pytest
import torch

import pruner
from pruner.mask import Mask
from pruner.summaries import figures

SMALL = ("bool", "int8", "uint8", "int16", "uint16", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")


@pytest.mark.parametrize("dtype", SMALL)
def test_that_distinct_values_are_those_of_torch(tmp_path, dtype):
    torch.manual_seed(0)
    values = (torch.randn(7, 311) * 40).to(torch.int32 if "int" in dtype else torch.float32).to(getattr(torch, dtype))
    kept = torch.rand(values.shape) > 0.5
    torch.save({"w": values}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    wide = values.to(torch.float32)
    assert figures(checkpoint, "w").distinct == len(wide.unique())
    assert figures(checkpoint, "w", Mask.from_bools(kept.numpy())).distinct == len(torch.where(kept, wide, 0).unique())


def test_that_both_zeros_are_one_value_and_what_is_not_finite_is_none(tmp_path):
    torch.save({"w": torch.tensor([0.0, -0.0, 1.0, float("nan"), float("inf")]).half()}, tmp_path / "m.pt")
    assert figures(pruner.open_checkpoint(tmp_path / "m.pt"), "w").distinct == 2


def test_that_large_types_are_not_counted(tmp_path):
    torch.save({"w": torch.ones(3)}, tmp_path / "m.pt")
    assert figures(pruner.open_checkpoint(tmp_path / "m.pt"), "w").distinct is None
