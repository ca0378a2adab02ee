"""Amounts follow torch's rules."""

import math
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils import prune as torch_prune

from pruner import Amount, PrunerError

NUMBERS = st.one_of(
    st.integers(-5, 10**9),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(0, 1),
    st.booleans(),
    st.floats(0, 1, width=32).map(np.float32),
    st.integers(0, 100).map(np.int64),
)


@given(NUMBERS)
def test_that_torch_and_secateur_refuse_the_same_values_with_the_same_errors(value):
    try:
        torch_prune.L1Unstructured(value)
        torch_prune._compute_nparams_toprune(value, 10)  # a NaN fails only here
        expected = None
    except (ValueError, TypeError) as error:
        expected = type(error)
    if expected is None:
        Amount(value)
    else:
        with pytest.raises(expected) as raised:
            Amount(value)
        assert isinstance(raised.value, PrunerError)


@pytest.mark.parametrize("value", ["0.3", None, torch.tensor(0.3), Decimal("0.3"), 1j])
def test_that_what_is_no_number_is_a_type_error(value):
    with pytest.raises(TypeError):
        Amount(value)


@given(st.floats(0, 1), st.integers(0, 10**9))
def test_that_a_ratio_becomes_the_count_that_torch_takes(ratio, numel):
    assert Amount(ratio).count(numel) == torch_prune._compute_nparams_toprune(ratio, numel)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_that_a_count_is_taken_as_it_is_or_refused(count, numel):
    if count <= numel:
        assert Amount(count).count(numel) == count
    else:
        with pytest.raises(ValueError, match="more than"):
            Amount(count).count(numel)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.3", 0.3), ("30%", 0.3), ("30 %", 0.3), ("1000", 1000), ("1 000", 1000), ("1", 1), ("1.0", 1.0), ("100%", 1.0)],
)
def test_that_amounts_are_read_as_people_write_them(text, value):
    amount = Amount.parse(text)
    assert (amount.value, type(amount.value)) == (value, type(value))


@pytest.mark.parametrize("text", ["", "x", "1.5", "-1", "-0.1", "101%", "nan", "inf", "0,3", "1e400", "%", "٣"])
def test_that_texts_that_are_no_amount_are_refused(text):
    with pytest.raises(PrunerError):
        Amount.parse(text)


@given(st.one_of(st.integers(0, 10**12), st.floats(0, 1).filter(lambda value: value == 0 or value > 1e-300)))
def test_that_an_amount_can_be_typed_again(value):
    amount = Amount(value)
    again = Amount.parse(str(amount))
    assert again.is_ratio == amount.is_ratio
    assert math.isclose(again.value, amount.value, rel_tol=1e-15)
