"""`otelchan top` as text: numbers that are short, one frame, one document."""

import io
import json

from otelchan.findings.types import Assessment, Health, Member
from otelchan.gobinary.types import Frame as StackFrame
from otelchan.model.types import Age, BlockedList, Edge, Histogram
from otelchan.view.top_detail import channel_lines, finding_lines, group_lines, histogram, sparkline, waiters
from otelchan.view.top_rates import About
from otelchan.view.top_rows import Cost, Look, finding_rows, group_rows, program_row
from otelchan.view.top_text import Frame, about_watching, bound, elements, frame_document, per_second, print_frame
from tests.support.snapshots import CALLER, NOW, SECOND, WORKER, blocked, channel, finding, snapshot
from tests.support.tops import NAME, frame, look


def printed(*looks: Look) -> list[str]:
    """One frame, as a pipe gets it."""
    out = io.StringIO()
    print_frame(Frame([(each, None) for each in looks]), out)
    return out.getvalue().splitlines()


def test_one_frame_has_everything() -> None:
    """The program, how it is watched, channels, goroutines, findings."""
    lines = printed(look())

    assert "shop 4242: 1 finding, 12 goroutines, 37 blocked, 3 channels, lag 7, go1.27.3" == lines[0]
    assert (
        "watched for 1 min 40 s; probes: makes on, waits off; they take 0.12% of a core, 3.0% allowed; nothing lost"
        == lines[1]
    )
    assert "  7        2  1.0 s      10      10   1.5 s       -  main.work main.go:41" in lines
    assert "   37  >= 5.0 s  chan send  main.worker main.go:57  main.main.func1 main.go:31" in lines
    assert "critical  F1  37 goroutines are stuck" in lines


def test_of_several_programs_each_row_says_whose_it_is() -> None:
    """By process id."""
    lines = printed(look(7), look(4711))

    assert ["   7    7", "4711    7"] == [line[:9] for line in lines if line.endswith(NAME)]


def test_a_document_has_all_rows() -> None:
    """It is JSON; what is not known is null."""
    document = json.loads(json.dumps(frame_document(Frame([(look(), None)]))))

    (row,) = document["channels"]
    assert (7, None, 1_500_000_000, False) == (row["lag"], row["health"], row["oldest_ns"], row["oldest_at_least"])
    assert {"share": 0.0012, "allowed": 0.03} == document["programs"][0]["cost"]
    assert "main.worker" == document["goroutines"][0]["frames"][0]["function"]
    assert ("F1", "critical") == (document["findings"][0]["id"], document["findings"][0]["severity"])


def test_rates_are_short() -> None:
    """Three digits at most, and a unit."""
    rates = (None, 0.0, 9.94, 9.96, 999.0, 1000.0, 35_270.0, 999_600.0, 1.5e6, 2e9)
    texts = ("-", "0", "9.9", "10", "999", "1 k", "35.3 k", "1 M", "1.5 M", "2 G")

    assert texts == tuple(map(per_second, rates))


def test_a_bound_that_there_is_none_of_is_said() -> None:
    """The last bucket has all that is longer."""
    assert ("-", "1.0 us", "> 2 min") == (bound(None), bound(1024), bound(1 << 63))


def test_what_was_lost_is_said_in_words() -> None:
    """And no limit is no limit."""
    now = look()
    now = now._replace(cost=Cost(0.5, None))
    row = program_row(now)._replace(losses={"span": 3})

    assert about_watching(row).endswith(
        "they take 50.00% of a core, no limit; lost: 3 spans lost, the ring buffer was full"
    )


def test_those_who_wait_are_put_together_by_place() -> None:
    """With the oldest first; a name is found wherever it is."""
    others = (WORKER._replace(line=58), CALLER)
    crowd = [blocked(n, age_s=n) for n in range(1, 15)] + [blocked(99, 1, frames=others), blocked(98, 1, channel="x")]
    found = waiters(snapshot(blocked=BlockedList.of(crowd)), NAME)

    assert [(14, tuple(range(14, 4, -1))), (1, (99,))] == [(group.number, group.ids) for group in found]
    assert [] == waiters(snapshot(blocked=crowd), "nothing")


def test_block_times_are_a_sparkline() -> None:
    """One character per octave, from the shortest to the longest; what is not zero is seen."""
    view = channel(blocks={"send": Histogram(0, 0, ((1024, 1), (1280, 2), (8192, 1000)))})

    found = histogram(view, None, "send")

    assert [(1024, 1), (2048, 2), (4096, 0), (8192, 1000)] == found
    assert ("▁▁ █", "") == (sparkline([number for _, number in found]), sparkline([]))


def test_a_channel_is_told_from_all_sides() -> None:
    """What is in it, what is wrong, how long waits took, who waits with which stack, who uses it."""
    close = StackFrame("main.stop", "/src/shop/main.go", 90)
    edges = (
        Edge(NAME, "send", WORKER, 5, 2, NOW),
        Edge(NAME, "close", close, 1, 0, NOW),
        Edge("x", "recv", CALLER, 1, 0, 0),
    )
    now = look(blocked=[blocked(7, 2)], edges=edges)
    now = now._replace(assessment=now.assessment._replace(health={NAME: Health(40, {"F10": 60})}))

    page = channel_lines(now, None, NAME)

    assert page[:2] == [NAME, "3 live channels of int, 1 of them closed; 5 of 24 elements buffered; lag 7"]
    assert "health: 40 of 100; F10 takes 60" in page
    assert "CRITICAL F1: 37 goroutines are stuck" in page
    assert "send: 4 waits ended since the last look, p50 <= 1.2 us, p99 <= 1.0 s, p99.9 <= 1.0 s" in page
    place = page.index("  1 x chan send, oldest 2.0 s, goroutine 7")
    assert page[place + 1 : place + 4] == [
        "      main.worker main.go:57",
        "      main.main.func1 main.go:31",
        "      created by main.main.func1 main.go:31",
    ]
    assert "  sends    main.worker main.go:57, 2 waiting, last seen 2023-11-14T22:16:40Z" in page
    assert not [line for line in page if "receives main.main.func1" in line]


def test_a_finding_is_on_the_page_of_each_of_its_channels() -> None:
    """Of those of its goroutines too: it is a part of the health of each."""
    member = Member(7, NAME, "send", "chan send", Age(SECOND, False), (WORKER,), "")
    deadlock = finding(id="F14", channel="main.other main.go:1", sentence="2 wait for each other", members=(member,))
    now = look()._replace(assessment=Assessment(findings=(deadlock,)))

    assert "CRITICAL F14: 2 wait for each other" in channel_lines(now, None, NAME)


def test_a_channel_that_is_gone_is_said_to_be() -> None:
    """Its page may still be open."""
    assert ["There is no channel of the name x any more."] == channel_lines(look(), None, "x")


def test_a_group_and_a_finding_have_pages_too() -> None:
    """The whole stack; the members."""
    member = Member(7, NAME, "send", "chan send", Age(SECOND, False), (WORKER,), "waits for goroutine 8")
    now = look()._replace(assessment=Assessment(findings=(finding(members=(member,)),)))
    (group,), (found,) = group_rows(now), finding_rows(now)

    assert group_lines(group)[:3] == [
        "37 x chan send, oldest >= 5.0 s",
        "goroutine 1, 2, ...",
        "      main.worker main.go:57",
    ]
    page = finding_lines(found)
    assert "goroutine 7, chan send, 1.0 s: waits for goroutine 8" in page
    assert page[-1].startswith("`otelchan explain F1`")


def test_what_the_budget_makes_of_a_program_is_said() -> None:
    """Planes that are on trial or sliced, that stacks are left out, how much of the time slices count."""
    (row,) = frame().programs

    said = about_watching(row)
    assert "probes: makes trial, waits on, operations sliced, polls over budget; they take 0.12% of a core" in said
    assert "; no stacks, to make hits cheaper; 40 time slices so far, 0.09% of the time; " in said


def test_a_program_without_a_probe_is_said_to_have_the_census_only() -> None:
    """Because of the budget; when somebody wants no probes, nothing is said."""
    row = program_row(look())
    given_up, unwanted = {"makes": "over budget", "waits": "over budget"}, {"makes": "off", "waits": "not wanted"}

    assert "census only: every probe would cost too much" in about_watching(row._replace(planes=given_up))
    assert "census only" not in about_watching(row._replace(planes=unwanted))
    assert "census only" not in about_watching(row._replace(planes={**given_up, "operations": "sliced"}))


def test_what_is_estimated_does_not_look_like_what_is_counted() -> None:
    """A sign before the number; what is counted goes first; what is neither is not known."""
    assert "≈1.5 M" == elements(None, About(1_500_000, 1e6, 2e6))
    assert "12" == elements(12.0, About(1_500_000, 1e6, 2e6))
    assert "-" == elements(None, None)


def test_a_channel_of_which_there_are_estimates_says_their_bounds() -> None:
    """All of them, of each operation."""
    (now, _), *_ = frame().looks
    page = channel_lines(now, None, NAME)

    (line,) = [line for line in page if line.startswith("recv ok: about")]
    assert "about 5000000 since" in line
    assert line.endswith("between 3000000 and 9000000, estimated from time slices")
