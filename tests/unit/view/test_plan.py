"""The plan as a document and as text."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from otelchan.plan.estimate import expect
from otelchan.view.plan import Preview, plan_document
from otelchan.view.plan_text import percent, print_plan, rate
from tests.support import previews
from tests.support.images import TEXT


def document(preview: Preview) -> dict[str, Any]:
    """The document's part about one program."""
    (found,) = plan_document([preview], [])["processes"]
    return dict(found)


def printed(preview: Preview) -> list[str]:
    """The lines in a pipe."""
    out = io.StringIO()
    print_plan(plan_document([preview], [previews.REFUSED]), out)
    return out.getvalue().splitlines()


def fact(name: str, preview: Preview) -> str:
    """What one line of the facts says."""
    (line,) = [line for line in printed(preview) if line.startswith(name.ljust(12))]
    return line[12:]


def hits(low: float, likely: float, high: float) -> dict[str, float]:
    """As they are in the document."""
    return {"low": low, "likely": likely, "high": high}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        (hits(0, 0, 1.83), "fewer than 1.8"),
        (hits(0, 20, 61_100), "fewer than 61 k"),
        (hits(3_870, 60_000, 210_000), "60 k (3.9 k to 210 k)"),
        (hits(0.21e6, 4.5e6, 9.6e6), "4.5 M (210 k to 9.6 M)"),
    ],
)
def test_rates_are_said_with_their_error(value: dict[str, float] | None, text: str) -> None:
    """Two figures, and a range, or only its end."""
    assert text == rate(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        (hits(0, 0, 0.4), "less than 0.4 %"),
        (hits(0, 0, 400), "0 % to more than 100 %"),
        (hits(0.55, 8.55, 29.9), "8.6 % (0.55 % to 30 %)"),
        (hits(2.6, 38, 150), "38 % (2.6 % to more than 100 %)"),
        (hits(75, 600, 1400), "more than 100 % (75 % to more than 100 %)"),
        (hits(250, 2100, 4600), "more than 100 %"),
        (hits(99.6, 99.7, 99.8), "100 % (100 % to 100 %)"),
    ],
)
def test_shares_end_at_a_whole_core(value: dict[str, float] | None, text: str) -> None:
    """How many cores the probes of an impossible rate would take is of no use to anybody."""
    assert text == percent(value)


def test_every_probe_has_a_line_with_its_place_cost_hits_and_reason() -> None:
    """Everything about one site, in one line of a pipe."""
    lines = printed(previews.preview(previews.samples()))
    (row,) = [line for line in lines if "runtime.send" in line]
    columns = [column.strip() for column in row.split("  ") if column.strip()]

    assert columns == [
        "waits",
        "wake",
        "runtime.send",
        "0x401040",
        "0x1040",
        "ja 0x10",
        "1750",
        "27 k (1.4 k to 120 k)",
        "how long it waited, who woke it, and the count of what was handed over",
    ]


def test_every_plane_has_a_line_with_what_happens() -> None:
    """Probes, hits, share of a core, and the budget's verdict."""
    lines = printed(previews.preview(previews.samples()))
    (row,) = [line for line in lines if line.startswith("waits       3")]

    assert row.split("  ")[-1] == "a trial of at most 1 s decides: the budget of 3 % is within what is expected"
    assert "60 k (3.9 k to 210 k)" in row
    assert "9.2 % (0.59 % to 32 %)" in row
    assert "`--sample 20` looks longer, and knows more." in lines


def test_what_is_left_out_is_said_with_its_reason() -> None:
    """And so is a process for which there is no plan."""
    lines = printed(previews.preview(previews.samples()))

    assert any(
        line.startswith("operations  ") and line.endswith("recv in runtime.chanrecv: not found") for line in lines
    )
    assert any(line.startswith(f"park in runtime.chansend at {TEXT + 0x18:#x}") for line in lines)
    assert f"no plan: {previews.REFUSED.reason}" in lines


def test_hits_that_nobody_knows_are_said_to_be_unknown() -> None:
    """With the reason; the rest of the plan is there."""
    preview = previews.preview(None, unknown={"hits": "process 4711 may not be sampled"})

    assert fact("looked", preview) == "hits are unknown: process 4711 may not be sampled"
    assert [plane["hits_per_second"] for plane in document(preview)["planes"]] == [None, None]
    assert {plane["outlook"] for plane in document(preview)["planes"]} == {"unknown"}
    assert any(line.startswith("waits       3  unknown        unknown") for line in printed(preview))


def test_what_could_not_be_looked_at_is_said() -> None:
    """Lost samples, and threads that were too many."""
    said = fact("looked", previews.preview(previews.samples(lost=3, unseen=9)))

    assert said.endswith(", 3 samples lost, 9 threads not looked at, whose hits are not in the figures")


def test_the_way_of_attaching_says_what_forked_children_meet() -> None:
    """A copy of the memory has the traps; who takes them out depends on the way."""
    perf = previews.LIBBPF._replace(way="perf", links=4, attach_ns=4_400_000, detach_ns=400_000_000)
    preview = previews.preview(previews.samples(), attaching=perf)

    assert "by libbpf, 4 perf links: about 4 ms, taking them out about 400 ms" in fact("attaching", preview)
    assert "once at each probe" in fact("children", preview)
    assert document(preview)["forked_children_trap"] == "first hit"
    assert document(previews.preview(previews.samples()))["forked_children_trap"] == "every hit"


def test_where_nothing_can_be_attached_the_reason_is_said() -> None:
    """The plan is made all the same."""
    preview = previews.preview(None, attaching=None, unknown={"attaching": "loading a BPF program is not permitted"})

    assert fact("attaching", preview) == "not possible: loading a BPF program is not permitted"
    assert document(preview)["forked_children_trap"] is None
    assert not any(line.startswith("children") for line in printed(preview))


def test_why_it_would_not_be_watched_is_said() -> None:
    """Each reason in a line of its own."""
    reason = "it is already watched by otelchan with process id 99; stop that one first"
    preview = previews.preview(None, watcher="99", refusals=(reason,))

    assert fact("REFUSED", preview) == reason
    assert (document(preview)["watched_by"], document(preview)["would_be_refused"]) == ("99", [reason])


def test_the_traps_of_others_are_named_by_place() -> None:
    """Or said not to be there, or not to be known."""
    assert "runtime.makechan at 0x4010b0" in fact("code", previews.preview())
    assert "no other tracer's trap" in fact("code", previews.preview(traps=()))
    assert fact("code", previews.preview(watcher="99")).startswith("traps of that otelchan, or of another tracer,")
    unread = previews.preview(traps=None, unknown={"code": "its memory may not be read"})
    assert fact("code", unread) == "not compared: its memory may not be read"
    assert document(unread)["planes"][0]["sites"][0]["other_trap"] is None


def test_who_runs_from_the_same_file_is_said() -> None:
    """They meet no probe."""
    assert fact("others", previews.preview(others=(7, 8))).startswith("pid 7, pid 8 run from the same file")
    assert "no other process" in fact("others", previews.preview(others=()))


def test_a_file_that_does_not_run_has_a_plan_without_a_pid() -> None:
    """It begins with its path."""
    preview = previews.preview(None, process=None, executable="/srv/new", traps=None, unknown={"code": "it is a file"})

    assert printed(preview)[0].startswith("/srv/new, example.com/leaky, go1.27.3: 5 probes in 2 planes")
    assert document(preview)["pid"] is None


def test_a_program_over_its_budget_is_said_to_get_slower() -> None:
    """The rate is that of the program as it is now."""
    busy = previews.samples({(TEXT + 0x40,): 2000})
    planes = expect(previews.preview().plan, busy, 0, previews.BUDGET)

    lines = printed(previews.preview(busy, planes=planes))
    assert any("tried for at most 1 s, then off, and tried again after 15 s" in line for line in lines)
    assert any(line.startswith("At its present rate;") for line in lines)


def test_a_trial_is_a_table_of_what_was_counted() -> None:
    """Of each plane how long it was counted, hits, their rate and share, what it took, and that every trap is out."""
    lines = printed(previews.tried())
    title = lines.index("Trial, each plane alone")
    columns = [column.strip() for column in lines[title + 3].split("  ") if column.strip()]

    assert columns == [
        "waits",
        "100 ms",
        "6103",
        "61 k (59 k to 63 k)",
        "9.3 % (9 % to 9.6 %)",
        "13 ms",
        "158 ms",
        "its time was over; every trap is out",
    ]
    assert not any(line.startswith("Trial") for line in printed(previews.preview(previews.samples())))


def test_a_trial_that_was_stopped_or_left_a_trap_says_so() -> None:
    """And where it took that much, that the rate would be higher without probes."""
    tried = previews.tried()
    stopped = [
        plane._replace(
            counted=plane.counted
            and plane.counted._replace(tried=plane.counted.tried._replace(stopped=True, traps_out=False))
        )
        for plane in tried.planes
    ]
    lines = printed(replace(tried, planes=tuple(stopped)))

    assert any("it had cost what a second may; A TRAP IS LEFT, or somebody else put one in" in line for line in lines)
    assert any(line.startswith("A plane that takes that much of a core slows the program down") for line in lines)


def test_why_there_was_no_trial_is_said() -> None:
    """In the words of what stood in its way."""
    preview = previews.preview(None, unknown={"trial": "it has opened plugins"})

    assert fact("trial", preview) == "none: it has opened plugins"
