"""The differences of a pair of tensors in bars."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app import numbers
from app.histogram_view import HistogramView
from pruner.summaries import Histogram


class DifferenceBars(HistogramView):
    """How many elements differ by how much, with their sign."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("difference_histogram")
        self.set_signed(True)
        self.set_logarithmic(True)
        self.setAccessibleName("Histogram of differences")
        self.setWhatsThis(
            "How many elements differ by how much: left of 0 the document's value is the smaller one, right of 0 the "
            "larger one. Counts are logarithmic, so that a single element can be seen; equal elements are left out."
        )

    @property
    def counted(self) -> str:
        """The differences."""
        return "difference, here less there"

    def note(self, found: Histogram) -> str:
        """The elements that do not differ."""
        return f"{numbers.count(found.zeros)} equal"
