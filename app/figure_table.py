"""A table as a picture for elsewhere, and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QRectF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app import numbers
from app.columns import AT_LEFT, AT_RIGHT
from app.figure import Make, Sheet, at_once

_ROW = 1.7
"""The height of a row, in lines."""
_PAD = 8.0
_SPREAD = 200.0
"""A column is at most so much wider than its texts."""


@dataclass(frozen=True, slots=True)
class Table:
    """A head and rows of as many cells; the first of each is a name, the others are numbers, which stand right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        """For a spreadsheet: tabs between cells, a line for each row, numbers as programs read them."""
        lines = "\n".join("\t".join(row) for row in (self.head, *self.rows))
        return lines.replace(numbers.THIN, "").replace("−", "-")

    def body(self) -> Make:
        """Paints the table."""
        return at_once(self._paint)

    def height(self, _width: float, font: QFont) -> float:
        """The height of all rows."""
        return (len(self.rows) + 1) * QFontMetricsF(font).height() * _ROW

    def _paint(self, painter: QPainter, sheet: Sheet) -> None:
        """Columns as wide as their texts, spread where there is room; rows that find no room are squeezed."""
        area, theme = sheet.area, sheet.theme
        bold = QFont(sheet.font)
        bold.setBold(True)
        step = min(area.height() / (len(self.rows) + 1), 1.25 * self.height(0, sheet.font) / (len(self.rows) + 1))
        edges = self._edges(QFontMetricsF(bold), area)
        painter.setPen(QPen(QColor(theme.line), 1))
        lines = [area.top() + step * place for place in range(1, len(self.rows) + 1)]
        painter.drawLines([QLineF(area.left(), y, edges[-1], y) for y in lines])
        for place, row in enumerate((self.head, *self.rows)):
            painter.setFont(bold if place == 0 else sheet.font)
            for column, text in enumerate(row):
                painter.setPen(QColor(theme.muted if place == 0 or column == 0 else theme.ink))
                box = QRectF(edges[column], area.top() + step * place, edges[column + 1] - edges[column], step)
                painter.drawText(box, AT_RIGHT if column else AT_LEFT, text)

    def _edges(self, metrics: QFontMetricsF, area: QRectF) -> Sequence[float]:
        wide = [
            max(map(metrics.horizontalAdvance, column)) + 2 * _PAD for column in zip(self.head, *self.rows, strict=True)
        ]
        spread = min(max((area.width() - sum(wide)) / len(wide), 0.0), _SPREAD)
        edges = [area.left()]
        for one in wide:
            edges.append(edges[-1] + one + spread)
        return edges
