"""Undo and redo."""

from app.history import History, State
from pruner import Amount


def planned(count: int) -> State:
    return State({"weight": Amount(count)})


def test_that_undo_and_redo_walk_through_the_states():
    history = History()
    first, second = planned(1), planned(2)
    history.push("one", first)
    history.push("two", second)
    assert history.undo_label == "two"
    history.undo()
    assert history.state is first
    assert (history.undo_label, history.redo_label) == ("one", "two")
    history.undo()
    assert history.state.amounts == {}
    assert history.undo_label is None
    history.redo()
    history.redo()
    assert history.state is second
    assert history.redo_label is None


def test_that_a_new_step_forgets_what_was_undone():
    history = History()
    history.push("one", planned(1))
    history.undo()
    history.push("two", planned(2))
    assert history.redo_label is None


def test_that_a_slider_that_moves_is_one_step():
    history = History()
    for count in range(20):
        history.push("amount", planned(count), merges="weight")
    history.push("amount", planned(7), merges="bias")
    history.undo()
    assert history.state.amounts == {"weight": Amount(19)}
    history.undo()
    assert history.state.amounts == {}
