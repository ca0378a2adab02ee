"""The bottom panel of the doctor: what is wrong with the checkpoint, what that means, and what mends it."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.findings_model import Column, FindingsModel
from app.plain import plain_label
from app.rows_table import dress_rows
from app.session import Session
from pruner.doctor import Finding, all_checks

_EMPTY = "Open a checkpoint to have it examined."
_INVITES = (
    "Looks for masks without originals, NaN, dead channels, wrong checksums and the like. All numbers are read once "
    "or twice; nothing is changed."
)
_SHARES = (840, 460)


class FindingsTable(QTableView):
    """Findings; Space ticks or unticks the repair of a row, wherever in the row one is, and Return does the repairs."""

    entered = Signal()
    """The ticked repairs are to be done."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        repair = self.currentIndex().siblingAtColumn(Column.REPAIR)
        state = repair.data(Qt.ItemDataRole.CheckStateRole)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
        elif event.key() == Qt.Key.Key_Space and state is not None:
            other = Qt.CheckState.Unchecked if state == Qt.CheckState.Checked else Qt.CheckState.Checked
            self.model().setData(repair, other, Qt.ItemDataRole.CheckStateRole)
        else:
            super().keyPressEvent(event)


class CheckPanel(QWidget):
    """A table of findings with the repairs to tick, and beside it what a finding means and a repair would change."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.model = FindingsModel(self)
        self.table = FindingsTable(self)
        self.examine = QPushButton("Examine", self)
        self.repair = QPushButton("Repair", self)
        self.told = plain_label(self)
        self.meaning = QPlainTextEdit(self)
        self._empty = plain_label(self)
        self._pages = QStackedWidget(self)
        self._build()
        session.doctor.changed.connect(self._show)
        session.checkpoint_changed.connect(self._show_done)
        session.pruning_changed.connect(self._show_done)
        for signal in (session.work.started, session.work.ended):
            signal.connect(self._refresh)
        self.examine.clicked.connect(session.doctor.examine)
        self.table.entered.connect(self.repair.click)
        self.repair.clicked.connect(lambda: session.doctor.repair(self.model.chosen))
        self.model.dataChanged.connect(self._refresh)
        self.table.selectionModel().currentRowChanged.connect(self._show_meaning)
        self._show()

    def _build(self) -> None:
        self.setObjectName("check_panel")
        self.setWhatsThis(
            "The doctor. Examine looks for what is wrong with the checkpoint, or may surprise. Tick repairs (Space) "
            "and press Repair (Return): names and masks change in the open document, the file stays, and Undo takes "
            "the repair back. Save writes what is mended to a new file."
        )
        self.setFocusProxy(self.table)
        self.told.setProperty("role", "muted")
        self.told.setObjectName("check_status")
        self._empty.setProperty("role", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self.examine.setObjectName("examine")
        self.repair.setObjectName("repair")
        self.examine.setToolTip("Read the file and look for what is wrong with it; nothing changes")
        self.repair.setToolTip("Do the ticked repairs in the open document: the file stays, and Undo takes them back")
        self.table.setModel(self.model)
        dress_rows(self.table, "Findings").setSectionResizeMode(Column.TEXT, QHeaderView.ResizeMode.Stretch)
        self.table.setColumnWidth(Column.SEVERITY, 84)
        self.table.setColumnWidth(Column.REPAIR, 320)
        self.meaning.setReadOnly(True)
        self.meaning.setAccessibleName("What the finding means")
        parts = QSplitter(self)
        parts.addWidget(self.table)
        parts.addWidget(self.meaning)
        parts.setSizes(_SHARES)
        parts.setChildrenCollapsible(False)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(parts)
        row = QHBoxLayout()
        row.addWidget(self.examine)
        row.addWidget(self.told, 1)
        row.addWidget(self.repair)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 4)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self._pages, 1)

    def _show(self) -> None:
        """Show the findings of the session, or what to do."""
        findings = self._session.doctor.findings
        self.model.show_findings(findings or ())
        self._pages.setCurrentIndex(int(bool(findings)))
        self.told.setText("" if findings is None else _summary(findings))
        self._empty.setText(self._invitation(findings))
        if findings:
            self.table.selectRow(0)
        self._refresh()

    def _invitation(self, findings: tuple[Finding, ...] | None) -> str:
        if findings is not None:
            return "Looked for: " + " · ".join(check.title for check in all_checks().values())
        return _INVITES if self._session.checkpoint is not None else _EMPTY

    def _refresh(self, *_: object) -> None:
        session, chosen = self._session, self.model.chosen
        busy = session.work.busy
        self.examine.setEnabled(session.checkpoint is not None and not busy)
        self.repair.setText(f"Repair {numbers.plural(len(chosen), 'finding')}" if chosen else "Repair")
        self.repair.setEnabled(bool(chosen) and not busy)

    def _show_done(self) -> None:
        """Show which repairs have been done in the document as it is now."""
        self.model.show_done(self._session.repairs)
        self._refresh()

    def _show_meaning(self, index: QModelIndex) -> None:
        if not index.isValid():
            self.meaning.clear()
            return
        finding = self.model.finding(index.row())
        lines = [numbers.thinned(finding.text), finding.meaning]
        if finding.repair is not None:
            lines += ["", f"{numbers.thinned(finding.repair.title)}:", *finding.repair.lines]
        self.meaning.setPlainText("\n".join(lines))


def _summary(findings: tuple[Finding, ...]) -> str:
    if not findings:
        return f"Nothing was found in {numbers.plural(len(all_checks()), 'check')}."
    counts = {
        word: sum(one.severity == severity for one in findings)
        for severity, word in (("fault", "fault"), ("risk", "risk"), ("note", "note"))
    }
    return " · ".join(numbers.plural(count, word) for word, count in counts.items() if count)
