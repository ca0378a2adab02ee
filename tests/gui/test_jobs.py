"""Work off the GUI thread."""

import threading

import pytest

from app.jobs import Failure, Job, ViewLane, WorkLane
from pruner import PrunerError


@pytest.fixture
def lane(qtbot):
    lane = WorkLane()
    yield lane
    lane.close()


@pytest.fixture
def view(qtbot):
    view = ViewLane()
    yield view
    view.close()


def forbidden(*_):
    raise AssertionError("must not be called")


def test_that_results_are_delivered_on_the_gui_thread(qtbot, lane):
    found = []
    lane.submit(
        Job(
            "Working",
            lambda _: threading.current_thread(),
            lambda worker: found.append((worker, threading.current_thread())),
            forbidden,
        )
    )
    qtbot.waitUntil(lambda: bool(found))
    worker, shown_on = found[0]
    assert worker is not threading.main_thread()
    assert shown_on is threading.main_thread()


def test_that_jobs_run_one_after_another_on_one_thread(qtbot, lane):
    threads, order = set(), []

    def job(number):
        return Job(f"Job {number}", lambda _: (threads.add(threading.get_ident()), number)[1], order.append, forbidden)

    for number in range(20):
        lane.submit(job(number))
    qtbot.waitUntil(lambda: len(order) == 20)
    assert order == list(range(20))
    assert len(threads) == 1


def test_that_cancel_stops_the_job_at_hand_within_a_tenth_of_a_second(qtbot, lane):
    failures: list[Failure] = []
    begun = threading.Event()
    stopped = threading.Event()

    def run(progress):
        try:
            for done in range(10**9):
                progress(done, 10**9, "weight")
                begun.set()
                threading.Event().wait(0.005)
        finally:
            stopped.set()

    lane.submit(Job("Pruning", run, forbidden, failures.append))
    assert begun.wait(5)
    lane.cancel()
    assert stopped.wait(0.1)
    qtbot.waitUntil(lambda: bool(failures))
    assert failures[0].cancelled
    assert not lane.busy


def test_that_a_cancelled_job_does_not_cancel_the_next(qtbot, lane):
    done = []
    lane.cancel()
    lane.submit(Job("Next", lambda progress: progress(1, 2, "") or "whole", done.append, forbidden))
    qtbot.waitUntil(lambda: done == ["whole"])


def test_that_a_users_error_is_told_in_its_own_words_and_ours_with_a_traceback(qtbot, lane):
    failures: list[Failure] = []

    def fail(error):
        def run(_):
            raise error

        return run

    lane.submit(Job("Opening x", fail(PrunerError("x: the file is empty.")), forbidden, failures.append))
    lane.submit(Job("Opening x", fail(ZeroDivisionError("oh")), forbidden, failures.append))
    qtbot.waitUntil(lambda: len(failures) == 2)
    assert (failures[0].text, failures[0].details) == ("x: the file is empty.", "")
    assert "ZeroDivisionError" in failures[1].text
    assert "Traceback" in failures[1].details


def test_that_progress_is_reported_at_most_ten_times_a_second(qtbot, lane):
    states, done = [], []
    lane.progressed.connect(states.append)

    def run(progress):
        for step in range(300):
            progress(step, 300, "weight")
            threading.Event().wait(0.001)

    lane.submit(Job("Working", run, lambda _: done.append(1), forbidden))
    qtbot.waitUntil(lambda: bool(done))
    assert 1 <= len(states) <= 20


def test_that_a_newer_request_replaces_an_older_one(qtbot, view):
    shown = []
    gate = threading.Event()

    def steps(name):
        gate.wait(5)
        yield name
        yield f"{name} again"

    view.request("tensor", steps("old"), shown.append, forbidden)
    view.request("tensor", steps("new"), shown.append, forbidden)
    gate.set()
    qtbot.waitUntil(lambda: "new again" in shown)
    assert shown == ["new", "new again"]


def test_that_an_urgent_request_goes_before_a_long_one(qtbot, view):
    shown = []
    begun, go = threading.Event(), threading.Event()

    def long():
        begun.set()
        go.wait(5)
        for _ in range(100):
            yield None
        yield "long"

    view.request("zeros", long(), shown.append, forbidden, urgency=1)
    assert begun.wait(5)
    view.request("tensor", iter(["urgent"]), shown.append, forbidden)
    go.set()
    qtbot.waitUntil(lambda: len(shown) == 2)
    assert shown == ["urgent", "long"]


def test_that_nothing_of_a_dropped_request_is_shown(qtbot, view):
    shown = []
    view.request("tensor", iter(["old"]), shown.append, forbidden)
    view.drop("tensor")
    view.request("other", iter(["other"]), shown.append, forbidden)
    qtbot.waitUntil(lambda: "other" in shown)
    assert shown == ["other"]


def test_that_a_failing_request_is_told_and_the_lane_goes_on(qtbot, view):
    shown, failures = [], []

    def fail():
        yield None
        raise PrunerError("x: gone")

    view.request("tensor", fail(), shown.append, failures.append)
    view.request("other", iter(["fine"]), shown.append, forbidden, urgency=1)
    qtbot.waitUntil(lambda: shown == ["fine"] and bool(failures))
    assert failures[0].text == "x: gone"
