"""Magnitudes of the selected tensor: kept and pruned in two tones, and where the planned round would cut."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QWidget

from app.theme import current
from pruner.summaries import Histogram


class HistogramView(pg.PlotWidget):
    """Bars of counts over magnitude; a dashed line stands at the planned threshold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, enableMenu=False)
        self.setObjectName("histogram")
        self.setAccessibleName("Histogram of magnitudes")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._histogram: Histogram | None = None
        self._threshold: float | None = None
        self._logarithmic = False
        self._kept = pg.BarGraphItem(x=[], height=[], width=1)
        self._pruned = pg.BarGraphItem(x=[], height=[], width=1)
        self._line = pg.InfiniteLine(angle=90, movable=False)
        self.addItem(self._kept)
        self.addItem(self._pruned)
        self.addItem(self._line)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.getPlotItem().hideAxis("left")
        self._dress()

    def show_histogram(self, histogram: Histogram | None) -> None:
        """Show the counts of a tensor, or nothing."""
        self._histogram = histogram
        self._draw()

    def show_threshold(self, threshold: float | None) -> None:
        """Draw where the planned round would cut, or nothing."""
        self._threshold = threshold
        self._draw()

    def set_logarithmic(self, on: bool) -> None:
        """Show counts by their logarithm, so that rare magnitudes can be seen."""
        self._logarithmic = on
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_line"):
            self._dress()

    def _draw(self) -> None:
        found, threshold = self._histogram, self._threshold
        self._line.setVisible(threshold is not None and found is not None)
        if found is None or found.limit <= 0:
            for bars in (self._kept, self._pruned):
                bars.setOpts(x=[], y0=[], height=[])
            return
        bins = len(found.kept)
        width = found.limit / bins
        centres = (np.arange(bins) + 0.5) * width
        scale = np.log10 if self._logarithmic else np.asarray
        pruned, whole = found.pruned.astype(float), (found.kept + found.pruned).astype(float)
        add = 1.0 if self._logarithmic else 0.0
        lower, upper = scale(pruned + add), scale(whole + add)
        self._pruned.setOpts(x=centres, y0=np.zeros(bins), height=lower, width=width * 0.86)
        self._kept.setOpts(x=centres, y0=lower, height=upper - lower, width=width * 0.86)
        if threshold is not None:
            self._line.setPos(min(threshold, found.limit))
        self.setXRange(0, found.limit, padding=0.01)
        self.setYRange(0, float(upper.max()) or 1.0, padding=0.02)

    def _dress(self) -> None:
        theme = current()
        self.setBackground(theme.surface)
        self._kept.setOpts(brush=theme.kept, pen=None)
        self._pruned.setOpts(brush=theme.pruned, pen=None)
        self._line.setPen(pg.mkPen(theme.accent, width=2, style=Qt.PenStyle.DashLine))
        axis = self.getPlotItem().getAxis("bottom")
        axis.setPen(theme.line)
        axis.setTextPen(theme.muted)
