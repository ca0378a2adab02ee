"""Numbers as people read them."""

import pytest

from app import numbers

THIN = "\u202f"


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0"), (999, "999"), (307200, f"307{THIN}200"), (2258036, f"2{THIN}258{THIN}036")]
)
def test_that_counts_have_all_digits(n: int, text: str):
    assert numbers.count(n) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (896, "896"),
        (999, "999"),
        (1000, "1.00 k"),
        (8640, "8.64 k"),
        (999_900, "1.00 M"),
        (307_200, "307 k"),
        (10**9, "1.00 G"),
    ],
)
def test_that_short_counts_have_three_digits(n: int, text: str):
    assert numbers.short_count(n) == text.replace(" ", THIN)


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (1, "100 %"), (0.3, "30.0 %"), (0.00001, "< 0.1 %"), (0.99999, "> 99.9 %")]
)
def test_that_a_share_is_rounded_to_nothing_or_all_only_where_it_is(share: float, text: str):
    assert numbers.percent(share) == text.replace(" ", THIN)


@pytest.mark.parametrize(
    ("nbytes", "text"), [(1, "1 byte"), (2, "2 bytes"), (1023, "1023 bytes"), (6912, "6.75 KiB"), (1 << 30, "1.00 GiB")]
)
def test_that_sizes_have_a_unit(nbytes: int, text: str):
    assert numbers.size(nbytes) == text.replace(" ", THIN)


def test_that_negative_figures_have_a_real_minus():
    assert numbers.figure(-0.018312) == "−0.01831"
    assert numbers.figure(None) == "–"
    assert numbers.figure(float("nan")) == "nan"


def test_that_only_commas_between_thousands_become_thin_spaces():
    assert (
        numbers.thinned("3,999,984 bytes in 1,000, of a,b and 1,2")
        == f"3{THIN}999{THIN}984 bytes in 1{THIN}000, of a,b and 1,2"
    )
