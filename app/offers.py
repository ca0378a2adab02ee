"""What each command would do now, and whether it can."""

from __future__ import annotations

from app import numbers
from app.actions import Actions
from app.choice import Choice
from app.plain import menu_text, plain_tip
from app.session import Session


def offer(session: Session, actions: Actions) -> None:
    """Say on the commands what they would do, and offer those that can run."""
    busy = session.work.busy
    planned = len(session.next_round.planned)
    text = f"Prune {numbers.plural(planned, 'tensor')}" if planned else "Prune"
    actions["prune"].setText(text)
    actions["prune"].setToolTip("Ctrl+Return" if planned else _why_nothing_is_planned(session.choice))
    actions["prune"].setEnabled(planned > 0 and not busy)
    actions["part"].setEnabled(session.checkpoint is not None and not session.choice.takes_amount)
    actions["save"].setEnabled(session.pruning is not None and not busy)
    actions["cancel"].setEnabled(busy)
    for name, label in (("undo", session.undo_label), ("redo", session.redo_label)):
        verb = name.capitalize()
        actions[name].setText(menu_text(f"{verb} {label}" if label else verb))
        actions[name].setToolTip(plain_tip(f"{verb} {label}" if label else f"Nothing to {name}"))
        actions[name].setEnabled(label is not None and not busy)
    actions["again"].setEnabled(bool(session.last_amounts))
    actions["clear"].setEnabled(bool(session.amounts))
    actions["examine"].setEnabled(session.checkpoint is not None and not busy)
    actions["reload"].setEnabled(session.checkpoint is not None and not busy and session.files.state != "gone")
    for name in ("filter", "select_all", "copy_picture", "save_picture", "compare"):
        actions[name].setEnabled(session.checkpoint is not None)


def _why_nothing_is_planned(choice: Choice) -> str:
    if choice.takes_amount:
        return choice.lacks or "Plan an amount first: type 30% or 1000 in the tree"
    return choice.lacks or "Have tensors take part first: select them, and press Space in the tree"
