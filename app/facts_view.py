"""What a file is and what it holds beside the weights, as names and values that unfold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QTreeWidget, QTreeWidgetItem, QWidget

from app import numbers
from app.plain import clipped, plain_tip
from app.root_row import root_title
from app.style import icon
from app.theme import current
from app.watcher import FileState
from pruner import Checkpoint
from pruner.formats import formats

_MOST = 200
"""Rows shown under one fact; a training checkpoint may hold thousands of keys."""
_CELL, _TIP = 300, 1000
_NAME_WIDTH = 148
_ON_DISK = {"changed": "changed since it was opened", "gone": "not there any more"}
_FULL = Qt.ItemDataRole.UserRole
"""A row as text in full length, for copying."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name, a value, and the single things that it counts; `warns` gives it a sign."""

    name: str
    value: str
    parts: tuple[tuple[str, str], ...] = ()
    warns: bool = False


def facts(checkpoint: Checkpoint, state: FileState) -> Iterator[Fact]:
    """What there is to say of the file, in the order in which it is asked for."""
    yield Fact("Path", str(checkpoint.path))
    if state != "same":
        yield Fact("On disk", _ON_DISK[state], warns=True)
    known = formats().get(checkpoint.format)
    yield Fact("Container", known.title if known is not None else checkpoint.format)
    yield _size(checkpoint)
    if len(checkpoint.roots) == 1:  # else a box shows it, to choose another
        yield Fact("Weights under", f"“{root_title(checkpoint.root)}”" if checkpoint.root else root_title(""))
    beside = tuple((key, "") for key in checkpoint.others)
    yield Fact("Kept beside them", numbers.plural(len(beside), "key") if beside else "nothing", beside)
    yield _text_of_container(checkpoint.metadata)
    if warnings := checkpoint.warnings:
        yield Fact("Warnings", numbers.count(len(warnings)), tuple(("", one) for one in warnings), warns=True)


def _size(checkpoint: Checkpoint) -> Fact:
    files = checkpoint.files
    value = f"{numbers.size(checkpoint.file_bytes)} ({numbers.plural(checkpoint.file_bytes, 'byte')})"
    if len(files) == 1:
        return Fact("Size", f"{value} in 1 file")
    shards = tuple((stamp.path.name, numbers.size(stamp.size)) for stamp in files)
    return Fact("Size", f"{value} in {numbers.plural(len(files), 'file')}", shards)


def _text_of_container(metadata: Mapping[str, str]) -> Fact:
    return Fact(
        "Metadata", numbers.plural(len(metadata), "entry", "entries") if metadata else "none", tuple(metadata.items())
    )


class FactsView(QTreeWidget):
    """One row a fact, folded where it counts several things; Ctrl+C copies the chosen rows as text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[Fact, ...] = ()
        self.setObjectName("facts")
        self.setAccessibleName("About the file")
        self.setColumnCount(2)
        self.setHeaderLabels(["Fact", "Value"])
        self.setHeaderHidden(True)
        self.setColumnWidth(0, _NAME_WIDTH)
        self.setIndentation(14)
        self.setUniformRowHeights(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setAllColumnsShowFocus(True)

    def show_facts(self, checkpoint: Checkpoint, state: FileState) -> None:
        """Show what is known of a checkpoint's files; what was unfolded stays so."""
        self._shown = tuple(facts(checkpoint, state))
        self._fill()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._shown:
            self._fill()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            chosen = [item.data(0, _FULL) for item in self._rows() if item.isSelected()]
            if chosen:
                QGuiApplication.clipboard().setText("\n".join(chosen))
            return
        super().keyPressEvent(event)

    def _fill(self) -> None:
        unfolded = {item.text(0) for item in self._tops() if item.isExpanded()}
        place = self.verticalScrollBar().value()
        self.clear()
        for fact in self._shown:
            item = _row(fact.name, fact.value)
            if fact.warns:
                item.setIcon(1, icon("warning", current().warning))
                item.setData(1, Qt.ItemDataRole.AccessibleTextRole, f"Warning: {fact.value}")
            self.addTopLevelItem(item)
            item.addChildren([_row(*part) for part in fact.parts[:_MOST]])
            if (more := len(fact.parts) - _MOST) > 0:
                item.addChild(_row("", f"and {numbers.count(more)} more"))
            item.setExpanded(fact.name in unfolded or (fact.warns and bool(fact.parts)))
        self.verticalScrollBar().setValue(place)

    def _tops(self) -> Iterator[QTreeWidgetItem]:
        for place in range(self.topLevelItemCount()):
            item = self.topLevelItem(place)
            assert item is not None
            yield item

    def _rows(self) -> Iterator[QTreeWidgetItem]:
        for top in self._tops():
            yield top
            yield from _children(top)


def _row(name: str, value: str) -> QTreeWidgetItem:
    item = QTreeWidgetItem([clipped(name, _CELL), clipped(value, _CELL)])
    for column, text in enumerate((name, value)):
        item.setToolTip(column, plain_tip(clipped(text, _TIP)))
    item.setData(0, _FULL, "\t".join(part for part in (name, value) if part))
    item.setForeground(0, QColor(current().muted))
    return item


def _children(item: QTreeWidgetItem) -> Iterator[QTreeWidgetItem]:
    for place in range(item.childCount()):
        child = item.child(place)
        assert child is not None
        yield child
