"""Every icon can be recoloured by a theme: drawn on one grid, in one colour."""

import re
from xml.etree import ElementTree

import pytest

import resources

INK = "#17324D"
NAMES = [
    "cancel",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "close",
    "copy",
    "device",
    "filter",
    "help",
    "info",
    "layout",
    "open",
    "prune",
    "redo",
    "reset",
    "save",
    "undo",
    "warning",
]


@pytest.mark.parametrize("name", NAMES)
def test_that_an_icon_is_drawn_on_the_24_grid_in_ink_alone(name):
    text = resources.icon(name).read_text(encoding="utf-8")
    svg = ElementTree.fromstring(text)

    assert svg.get("viewBox") == "0 0 24 24"
    assert svg.get("stroke-width") == "1.75"
    assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', text)) == {"none", INK}


def test_that_the_applications_icon_is_beside_the_others():
    svg = ElementTree.fromstring(resources.icon("secateur").read_text(encoding="utf-8"))

    assert svg.get("viewBox") == "0 0 128 128"


def test_that_an_unknown_icon_is_named_in_the_error():
    with pytest.raises(KeyError, match="no-such-icon"):
        resources.icon("no-such-icon")
