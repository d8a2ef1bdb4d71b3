"""What stands between the thread that watches and the screen: looks by program, costs, remarks."""

from otelchan.findings.types import Assessment
from otelchan.model.types import GoroutineView
from otelchan.view.top_feed import MOST_ENDED, MOST_REMARKS, Feed
from otelchan.view.top_rows import Cost
from tests.support.snapshots import channel, finding, process, snapshot


def test_a_look_is_kept_with_the_one_before_it() -> None:
    """Of each program; and something is new."""
    feed = Feed()
    versions = [feed.version()]
    for pid, goroutines in ((1, 10), (1, 11), (2, 20), (1, 12)):
        feed.publish(snapshot(process=process(pid), goroutines=GoroutineView(goroutines)), Assessment())
        versions.append(feed.version())

    found = [
        (now.snapshot.goroutines.count, before.snapshot.goroutines.count if before else None)
        for now, before in feed.looks()
    ]
    assert [(12, 11), (20, None)] == found
    assert len(set(versions)) == len(versions)


def test_an_ended_program_stays_as_it_was_last_seen() -> None:
    """And says that it has ended."""
    feed = Feed()
    feed.publish(snapshot([channel()]), Assessment(findings=(finding(),)))
    feed.publish(snapshot(ended=True), Assessment())

    ((now, _),) = feed.looks()
    assert (True, 1, 1) == (now.snapshot.ended, len(now.snapshot.channels), len(now.assessment.findings))


def test_what_a_program_ended_of_is_told() -> None:
    """A panic is found in the last look only; what was found before stays, and is there once."""
    feed = Feed()
    feed.publish(snapshot([channel()]), Assessment(findings=(finding(),)))
    feed.publish(snapshot(ended=True), Assessment(findings=(finding(), finding(id="F5"))))

    ((now, _),) = feed.looks()
    assert ["F1", "F5"] == [found.id for found in now.assessment.findings]


def test_of_very_many_ended_programs_the_last_ones_stay() -> None:
    """Those that run do in any case."""
    feed = Feed()
    feed.publish(snapshot(process=process(1)), Assessment())
    for pid in range(100, 200):
        feed.publish(snapshot(process=process(pid)), Assessment())
        feed.publish(snapshot(process=process(pid), ended=True), Assessment())

    assert [1, *range(200 - MOST_ENDED, 200)] == [now.snapshot.process.pid for now, _ in feed.looks()]


def test_costs_are_those_of_the_programs() -> None:
    """What is not said any more stands."""
    feed = Feed()
    feed.publish(snapshot(), Assessment())
    costs = []
    for said in ({(4242, 31_415): Cost(0.01, 0.03)}, {}, {(4242, 1): Cost(0.5, None)}):
        feed.cost(said)
        costs.append(feed.looks()[0][0].cost)
    feed.publish(snapshot(), Assessment())

    assert [Cost(0.01, 0.03)] * 4 == [*costs, feed.looks()[0][0].cost]


def test_the_last_remarks_are_kept() -> None:
    """As many as somebody may read."""
    feed = Feed()
    for number in range(MOST_REMARKS + 5):
        feed.remark(str(number))

    assert (MOST_REMARKS, "5") == (len(feed.remarks()), feed.remarks()[0])


def test_the_screen_is_told_when_to_end() -> None:
    """Once."""
    feed = Feed()
    before = feed.over()
    feed.end()

    assert (False, True) == (before, feed.over())
