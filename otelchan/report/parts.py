"""A program's part of the page, and an agent's, from the values of `types`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otelchan.findings.pages import page_ids, summary
from otelchan.report import charts, graph
from otelchan.report.html import Html, definitions, details, tag
from otelchan.report.tables import (
    channels_table,
    closes_table,
    frames_block,
    links_table,
    objectives_table,
    places_table,
    reasons_table,
)
from otelchan.report.text import escaped, shortened
from otelchan.report.types import Agent, FindingRow, Goroutines, Graph, Program
from otelchan.view.findings_text import LONG_ENOUGH_NS
from otelchan.view.words import count, duration, moment, place

_LARGEST_LAGS = 6
_MOST_MEMBERS = 10
_MOST_SENTENCE = 2000  # letters: it is for its words that one reads the page
_MOST_LOSSES = 30


class Detail(NamedTuple):
    """How much of a program is shown."""

    pictures: bool
    channels: int
    places: int
    links: int
    findings: int


FULL, SHORT = Detail(True, 50, 20, 50, 50), Detail(False, 10, 5, 10, 10)


def program_part(program: Program, detail: Detail) -> Html:
    """Everything about one process."""
    sections = [
        tag("h2", program.name, _which(program)),
        definitions(program.facts),
        tag("p", _watched(program), class_="lead"),
        *_findings(program, detail),
        *_goroutines(program, detail),
        *_channels(program, detail),
        *_waits(program, detail),
        *_topology(program, detail),
        *_objectives(program),
        *_missing(program, detail),
    ]
    return tag("section", *sections, class_="program", id=program.key, aria_label=program.name)


def _which(program: Program) -> str:
    pid = dict(program.facts).get("pid", "")
    return f"{f', pid {pid}' if pid else ''}{', at one moment' if program.still else ''}"


def _watched(program: Program) -> str:
    if program.still:
        return f"One moment: {moment(program.end)}."
    if not program.looks:
        return f"Recorded {_from_to(program.start, program.end)}, spans alone and no metrics."
    since = f" Counts are since {moment(program.counted_since)}." if program.counted_since else ""
    return (
        f"Recorded {_from_to(program.start, program.end)}, {duration(program.end - program.start)}, in "
        f'{count(program.looks, "look")}; "at the end" means the last of them.{since}'
    )


def _from_to(start: int, end: int) -> str:
    (day, begin), (last_day, ends) = (moment(time)[:-1].split("T") for time in (start, end))
    if day == last_day:
        return f"{day} from {begin} to {ends} UTC"
    return f"from {day} {begin} to {last_day} {ends} UTC"


def _span(program: Program) -> tuple[int, int] | None:
    """What all charts of a program show, so that the same place is the same time in all of them."""
    begin = min(program.start, program.heat.edges[0]) if program.heat else program.start
    return (begin, program.end) if program.end > begin else None


def _findings(program: Program, detail: Detail) -> Iterator[Html]:
    holding = [row for row in program.findings if row.end is None]
    over = [row for row in program.findings if row.end is not None]
    yield tag("h3", "Findings")
    if not holding and not program.still:
        short = program.end - program.start < LONG_ENOUGH_NS
        more = f" Some show only by growth or age: it takes {duration(LONG_ENOUGH_NS)} to be told all." if short else ""
        known = "" if program.looks else ", as far as spans tell"
        yield tag("p", f"None held at the end{known}.{more}", class_="note")
    if program.still:
        words = "None can be told from one moment: `otelchan findings` watches a program for them."
        yield tag("p", words, class_="note")
    shown = holding[: detail.findings]
    yield from map(_finding, shown)
    left = len(holding) - len(shown) + program.more.get("findings", 0)
    if left:
        yield tag("p", f"and {left:,} more, which are not shown", class_="note")
    if over:
        yield details(f"{count(len(over), 'finding')} that held for a time", *map(_finding, over[: detail.findings]))
    if program.held and detail.pictures:
        yield _figure("When which finding held", charts.timeline(program.held, "Findings over time", _span(program)))


def _finding(row: FindingRow) -> Html:
    sentence = row.sentence or "the metric otelchan.finding says that it holds, and no span in these files says more"
    told = Html(escaped(shortened(sentence, _MOST_SENTENCE)))
    words = tag("p", tag("span", row.severity.upper(), class_="severity"), f" {row.id}, {row.title}: ", told)
    meta = [f"held until {moment(row.end)}" if row.end else "", f"since {moment(row.start)}"]
    if row.site:
        meta.append(f"at {place(row.site)} ({row.site.file})")
    if row.at_start and row.told:
        meta.append("these are the words of its start")
    if row.now is not None:
        meta.append(f"{count(int(row.now), 'goroutine')} at the end")
    members = [
        tag("div", f"goroutine {member.goroutine_id}, {member.channel}: {member.words}", frames_block(member.stack))
        for member in row.members[:_MOST_MEMBERS]
    ]
    left = len(row.members) - len(members)
    more = [tag("p", f"and {left} more goroutines", class_="note")] if left else []
    kind = row.severity if row.severity in ("critical", "warning", "info") else "info"
    return tag(
        "div",
        words,
        tag("p", "; ".join(word for word in meta if word), class_="meta"),
        *_explained(row.id),
        *([details(count(len(row.members), "goroutine"), *members, *more)] if members else []),
        class_=f"finding {kind}{' over' if row.end else ''}",
    )


def _explained(id_: str) -> list[Html]:
    if id_ not in page_ids():
        return []
    return [tag("p", summary(id_), " What to do: ", tag("code", f"otelchan explain {id_}"), class_="meta")]


def _goroutines(program: Program, detail: Detail) -> Iterator[Html]:
    goroutines = program.goroutines
    yield tag("h3", "Goroutines")
    yield tag("p", _told(goroutines), class_="note")
    figures = []
    if detail.pictures and program.history:
        if goroutines.blocked:
            drawn = charts.areas(goroutines.blocked, "goroutines", "Parked by wait reason", _span(program))
            figures.append(_figure("Parked, by wait reason", drawn))
        if goroutines.total.times:
            drawn = charts.lines([goroutines.total], "goroutines", "Number of goroutines", _span(program))
            figures.append(_figure("All", drawn))
        lags = [row.lag._replace(label=row.name) for row in program.channels[:_LARGEST_LAGS] if row.lag.times]
        if lags:
            drawn = charts.lines(lags, "elements", "Lag of the largest channels", _span(program))
            figures.append(_figure("Lag of channels", drawn))
    if figures:
        yield tag("div", *figures, class_="charts")
    if program.looks:
        yield reasons_table(program) or tag("p", "None is parked at the end.", class_="note")


def _told(goroutines: Goroutines) -> str:
    last = goroutines.total.values[-1] if goroutines.total.values else None
    words = [] if last is None else [f"{last:,.0f} at the end"]
    if goroutines.created is not None and goroutines.exited is not None:
        words.append(f"{goroutines.created:,.0f} started and {goroutines.exited:,.0f} ended since otelchan came")
    if goroutines.surges:
        words.append(f"{count(int(goroutines.surges), 'surge')} (F2)")
    return "; ".join(words) + "." if words else "Their number is not known."


def _channels(program: Program, detail: Detail) -> Iterator[Html]:
    yield tag("h3", "Channels")
    if not program.channels:
        yield tag("p", "None is known.", class_="note")
        return
    suspects = _suspects(program)
    rows = program.channels[: detail.channels]
    left = len(program.channels) - len(rows) + program.more.get("channels", 0)
    yield channels_table(rows, suspects, left)
    if detail.pictures and program.heat is not None:
        drawn = charts.heat_map(program.heat, "How long operations blocked, over time", _span(program))
        yield _figure("How long operations blocked: those that had to wait, all channels", drawn)
    if detail.pictures and program.states:
        drawn = charts.timeline(program.states, "States of channels and objectives over time", _span(program))
        yield _figure("States over time: the worst state of each channel name that was not at ease", drawn)
    closes = closes_table(program.channels)
    if closes:
        yield tag("h3", "Closes, residue and panics")
        yield closes


def _suspects(program: Program) -> set[str]:
    return {name for row in program.findings if row.end is None for name in row.channels}


def _waits(program: Program, detail: Detail) -> Iterator[Html]:
    if program.links or program.chain.nodes:
        yield tag("h3", "Blocking chain")
        words = "A function waits on a channel, and those that use its other end would have to act; these may wait too."
        yield tag("p", words, class_="note")
        yield from _picture(program.chain, "The blocking chain", detail)
        rows = program.links[: detail.links]
        left = len(program.links) - len(rows) + program.more.get("links", 0)
        yield links_table(rows, _suspects(program), left)
    if program.places:
        rows_of = program.places[: detail.places]
        left = len(program.places) - len(rows_of) + program.more.get("places", 0)
        yield tag("h3", "Where goroutines wait")
        words = (
            "All goroutines, by place and reason."
            if program.still
            else "From spans of waits that go on, at most 10 a look and place: the numbers are at least so many."
        )
        yield places_table(rows_of, left, words)


def _topology(program: Program, detail: Detail) -> Iterator[Html]:
    if program.topology.nodes and detail.pictures:
        yield tag("h3", "Who uses which channel")
        words = "Arrows lead the way that elements go; samples of who operates, so a rare user may be missing."
        yield tag("p", words, class_="note")
        yield from _picture(program.topology, "Functions and channels", detail, table=True)


def _picture(drawn: Graph, title: str, detail: Detail, table: bool = False) -> Iterator[Html]:
    if not drawn.nodes or not detail.pictures:
        return
    picture = graph.draw(drawn, title)
    if picture is not None:
        yield Html(picture)
    else:
        words = "There is no picture of it, as graphviz's `dot` was not there: apt-get install graphviz."
        yield tag("p", words, class_="note")
        if table:
            titles = {node.id: node.title for node in drawn.nodes}
            ways = [(titles[arrow.source], titles[arrow.target], arrow.label) for arrow in drawn.arrows]
            yield tag("ul", *(tag("li", f"{one} → {other}", label and f" ({label})") for one, other, label in ways))
    if drawn.left_out:
        yield tag("p", f"and {drawn.left_out:,} more functions and channels, which are not drawn", class_="note")


def _objectives(program: Program) -> Iterator[Html]:
    if program.objectives:
        yield tag("h3", "Objectives")
        yield objectives_table(program.objectives)


def _missing(program: Program, detail: Detail) -> Iterator[Html]:
    sentences = list(program.missing)
    if not detail.pictures:
        sentences.append("Pictures and longer tables of this program had no room: make a report of it alone.")
    if sentences:
        yield tag("h3", "What is not here, and why")
        yield tag("ul", *(tag("li", sentence) for sentence in sentences), class_="missing")


def _figure(caption: str, drawn: str) -> Html:
    return tag("figure", tag("figcaption", caption), Html(drawn))


def agent_part(agent: Agent) -> Html:
    """What an agent lost, what it left out, and what it cost."""
    losses = [
        tag("li", f"{number:,.0f} {words}{f' ({shortened(reason, 80)})' if reason else ''}")
        for words, reason, number in agent.losses[:_MOST_LOSSES]
    ]
    if len(agent.losses) > _MOST_LOSSES:
        losses.append(tag("li", f"and {len(agent.losses) - _MOST_LOSSES:,} more kinds of losses"))
    lost = tag("ul", *losses, class_="losses") if losses else tag("p", "Nothing was lost.", class_="good")
    off = [
        tag("li", f"the {plane} plane is not on in {count(int(number), 'program')}: {why}")
        for plane, why, number in agent.left_out[:_MOST_LOSSES]
    ]
    return tag(
        "section",
        tag("h2", f"Agent {agent.name} {agent.version}".strip()),
        definitions(agent.facts),
        tag("h3", "What it lost or left out, since it started"),
        lost,
        *([tag("ul", *off, class_="losses")] if off else []),
        tag("p", _cost(agent), class_="note"),
        class_="agent",
    )


def _cost(agent: Agent) -> str:
    if agent.overhead is None:
        return "What its probes cost is not known."
    allowed = "without a limit" if agent.overhead_allowed is None else f"of {agent.overhead_allowed:.1%} allowed"
    return f"Its probes cost {agent.overhead:.2%} of a core in the program that pays most, {allowed}."
