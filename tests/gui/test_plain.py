"""Numbers in markup stay whole."""

from PySide6.QtGui import QTextDocument

from app import numbers
from app.plain import unfolded


def test_that_no_line_of_markup_ends_within_a_number(qtbot):
    number = numbers.count(22_478_848)
    for width in range(80, 200, 7):  # the number itself has room
        document = QTextDocument()
        document.setHtml(unfolded(f"<b>1</b> threshold 0, {number} ties kept"))
        document.setTextWidth(width)
        document.size()  # lays it out
        block = document.firstBlock()
        layout, text = block.layout(), block.text()
        places = (layout.lineAt(place) for place in range(layout.lineCount()))
        lines = [text[line.textStart() : line.textStart() + line.textLength()] for line in places]
        assert any(number in line for line in lines)
