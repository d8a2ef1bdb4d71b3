"""Every query of every dashboard, run as Grafana would run it against a real Prometheus and real traces, which programs
that misbehave have filled through the real agent and the real Collectors. A panel without data here is one that nobody
needs, or one that does not work.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlparse

import pytest
import requests
import yaml

from otelchan.config.settings import Config
from tests.support import eventually
from tests.support.alerting import variables_behind
from tests.support.dashboards import FOLDER, SHIPPED
from tests.support.faults import places
from tests.support.grafana import Chosen, Range, everything, milliseconds
from tests.support.misbehaving import BAD, OBJECTIVE_S, Misbehaving, misbehaving
from tests.support.panels import Asked, Asker, Shown, as_table

EMPTY: dict[tuple[str, str, str], str] = {}
"""Dashboard, panel and query that have no data here, with the reason. Of five panels at most."""
MOST_EMPTY = 5
WATCHED_S = 55  # until the longest of what has to be looked at: the long window of an objective
INTERVAL_S = 1.0  # of the agent here


class Looked(NamedTuple):
    """All dashboards as somebody sees them who opens them. at: what they were filled by, which still runs."""

    at: Misbehaving
    asker: Asker
    panels: list[Shown]

    @property
    def asked(self) -> list[Asked]:
        """All queries of all panels."""
        return [asked for panel in self.panels for asked in panel.asked]

    def panel(self, board: str, title: str) -> Shown:
        """One panel as the dashboard is opened."""
        (panel,) = (panel for panel in self.panels if (panel.board, panel.title) == (board, title))
        return panel

    def of(self, board: str, title: str, pid: int, **more: str) -> Shown:
        """One panel, with one process chosen. more: other variables."""
        where = {**self.at.resource_of(pid), **more}
        chosen = {**everything(SHIPPED[board]), **{name: Chosen((value,)) for name, value in where.items()}}
        (panel,) = (panel for panel in SHIPPED[board]["panels"] if panel["title"] == title)
        return self.asker.panel(board, panel, chosen)


def provisioned(kind: str) -> dict[str, Any]:
    """What the shipped file says of a data source."""
    path = FOLDER / "provisioning" / "datasources" / "otelchan.yaml"
    (source,) = (each for each in yaml.safe_load(path.read_text())["datasources"] if each["type"] == kind)
    found: dict[str, Any] = source["jsonData"]
    return found


def time_interval() -> str:
    """What the provisioned data source says of samples, for an agent that is as much quicker as ours is."""
    said = milliseconds(provisioned("prometheus")["timeInterval"])
    return f"{math.ceil(said / 1000 * INTERVAL_S / Config().interval_s)}s"


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    """Once for all tests here."""
    with misbehaving(tmp_path_factory.mktemp("dashboards")) as at:
        at.shop.finish()
        while time.time() < at.since + WATCHED_S:
            at.overload()
            time.sleep(1)
        eventually(at.all_are_found, 60)
        eventually(at.all_is_lost, 60, every=1)
        asker = Asker(at.prometheus, at.spans(), Range(at.since, time.time() - 1), time_interval())
        yield Looked(at, asker, [panel for name, board in SHIPPED.items() for panel in asker.board(name, board)])


def wrong(panels: list[Shown]) -> list[str]:
    """Sentences on what is wrong with names in them."""
    return [f"{panel.board}, {panel.title}: {sentence}" for panel in panels for sentence in panel.wrong]


def test_every_query_has_data(looked: Looked, capsys: pytest.CaptureFixture[str]) -> None:
    """With everything chosen, as a dashboard is opened: a series with a number in it, at least one. Those that have
    none are listed with a reason, and nothing is listed that has."""
    with capsys.disabled():
        print(f"\n{as_table(looked.panels)}")
    assert EMPTY.keys() == {asked.key for asked in looked.asked if not asked.series}
    assert len({(board, panel) for board, panel, _ in EMPTY}) <= MOST_EMPTY


def test_exemplars_are_there_where_they_are_asked_for(looked: Looked) -> None:
    """Of each query that shows them."""
    with_exemplars = [asked for asked in looked.asked if asked.exemplars is not None]
    assert with_exemplars
    assert [] == [asked.key for asked in with_exemplars if not asked.exemplars]


def test_every_name_is_found(looked: Looked) -> None:
    """Transformations, overrides, sorting, legends and links name fields and labels that answers really have; edges of
    a graph have both their ends."""
    assert [] == wrong(looked.panels)


@pytest.mark.parametrize("name", ["shop", "F14", "F5-dies"])
def test_names_are_found_with_one_process_chosen(looked: Looked, name: str) -> None:
    """Also where an answer has one row only, or the program has ended: an alert's link chooses one process."""
    pid = looked.at.shop.pid if name == "shop" else looked.at.faults[name].pid
    chosen = {key: Chosen((value,)) for key, value in looked.at.resource_of(pid).items()}
    boards = [b for b in SHIPPED if b not in ("agent", "pipeline")]
    panels = [panel for board in boards for panel in looked.asker.board(board, SHIPPED[board], chosen)]
    assert [] == wrong(panels)


@pytest.mark.parametrize("name", SHIPPED)
def test_variables_have_values(looked: Looked, name: str) -> None:
    """Each can be chosen from, and what it offers finds something in the dashboard, whatever signs are in it."""
    board = SHIPPED[name]
    for variable in (each for each in board["templating"]["list"] if each["type"] == "query"):
        values = looked.asker.values_of(board, variable["name"])
        assert values, variable["name"]
        strangest = sorted(values, key=lambda value: (sum(not c.isalnum() for c in value), value), reverse=True)
        tried = strangest if variable["name"] == "instance" else strangest[:1]  # not every process has everything

        def finds(value: str, of: str = variable["name"]) -> bool:
            panels = looked.asker.board(name, board, {of: Chosen((value,))})
            return any(asked.series for panel in panels for asked in panel.asked)

        assert any(finds(value) for value in tried), (variable["name"], tried)


def test_annotations_are_drawn(looked: Looked) -> None:
    """Alerts while they fire, and a line where an agent started, on every dashboard."""
    for name, board in SHIPPED.items():
        notes = {note["name"]: note for note in board["annotations"]["list"] if "target" in note}
        lines = {title: looked.asker.annotation(note, everything(board)) for title, note in notes.items()}
        assert [] == [title for title, found in lines.items() if not found], name
        starts = [moment for _, moments in lines["Starts of otelchan"] for moment in moments]
        assert all(looked.at.since - 60 < moment < looked.at.since for moment in starts), (name, starts)


def test_an_alert_leads_to_something_that_can_be_chosen(looked: Looked) -> None:
    """Its link fills variables of a dashboard with values that these have there; an empty one would find nothing."""
    alerts = requests.get(f"{looked.at.prometheus.url}/api/v1/alerts", timeout=30).json()["data"]["alerts"]
    leading = {each["annotations"]["dashboard_url"]: each["labels"]["alertname"] for each in alerts}
    assert len(set(leading.values())) > len(BAD) / 2, leading
    unknown = []
    for url, alert in leading.items():
        name = urlparse(url).path.removeprefix("/d/otelchan-")
        there = {variable["name"] for variable in SHIPPED[name]["templating"]["list"]}
        filled = {key: Chosen((value,)) for key, value in variables_behind(url).items()}
        assert set(filled) <= there, alert  # Grafana would say nothing, and choose less than the alert says
        for key, chosen in filled.items():
            if not set(chosen.values) <= looked.asker.values_of(SHIPPED[name], key, filled):
                unknown.append(f"{alert} sets {key} of {name} to {chosen.values[0]!r}")
    assert [] == unknown


def test_an_exemplar_leads_to_its_span(looked: Looked) -> None:
    """By the label that the provisioned data source takes the trace from."""
    (destination,) = provisioned("prometheus")["exemplarTraceIdDestinations"]
    of_careful = 'channel_block_duration_seconds_bucket{job!="example.com/hammer"}'  # whose spans are refused
    found = looked.at.prometheus.exemplars(of_careful, looked.at.since, looked.asker.range.end)
    wanted = {labels[destination["name"]] for _, labels, _ in found}
    assert wanted
    assert eventually(lambda: wanted <= {span.trace_id for span in looked.at.spans()}, 30, every=2)


def test_a_span_leads_to_the_metrics_of_its_channel(looked: Looked) -> None:
    """Each query that is provisioned for that has data for the channel of a block."""
    at = looked.at.resource_of(looked.at.delays.pid)
    block = next(span for span in looked.asker.spans if span.resource["service.instance.id"] == at["instance"])
    of_block = {**block.resource, "service.name": block.service, **block.tags}
    links = provisioned("tempo")["tracesToMetrics"]
    tags = ", ".join(f'{tag["value"]}="{of_block[tag["key"]]}"' for tag in links["tags"])
    for link in links["queries"]:
        query = link["query"].replace("$$__tags", tags)
        found = looked.at.prometheus.query(query)
        assert [value for _, value in found if not math.isnan(value)], query


def test_overview_says_what_the_program_says(looked: Looked) -> None:
    """How many goroutines a process has, and how many of them are blocked on channels."""
    (row,) = looked.of("overview", "Processes, worst first", looked.at.shop.pid).rows
    report = looked.at.shop.report()
    stuck = sum(of["blocked_senders"] + of["blocked_receivers"] for of in report["channels"].values())
    assert (report["goroutines"], stuck) == (row["Goroutines"], row["Blocked on channels"])


def test_channels_say_what_the_program_says(looked: Looked) -> None:
    """Of every channel: how much is in it, and who waits."""
    rows = looked.of("channels", "Channels, most lag first", looked.at.shop.pid).rows
    shown = {r["Channel"].split()[-1]: (r["Lag"], r["Senders wait"], r["Receivers wait"]) for r in rows}
    expected = {
        place: (of["length"] + of["blocked_senders"], of["blocked_senders"], of["blocked_receivers"])
        for place, of in looked.at.shop.report()["channels"].items()
    }
    assert expected == shown


def test_one_channel_can_be_chosen(looked: Looked) -> None:
    """By a name with dots and spaces; then the table has that one row, with its sparkline."""
    chosen = {name: Chosen((value,)) for name, value in looked.at.resource_of(looked.at.shop.pid).items()}
    names = looked.asker.values_of(SHIPPED["channels"], "channel", chosen)
    (name,) = (name for name in names if "replied" in name)
    (row,) = looked.of("channels", "Channels, most lag first", looked.at.shop.pid, channel=name).rows
    assert name == row["Channel"]


def test_goroutines_say_what_the_program_says(looked: Looked) -> None:
    """How many of them leak, and where."""
    leaks = looked.at.faults["F1-abandoned"]
    (row,) = looked.of("goroutines", "Leak suspects by site", leaks.pid).rows
    assert (leaks.state().numbers["goroutines"],) == row["Suspected"], "the sparkline's last value"
    assert row["Channel"].endswith(places()["F1-abandoned made"])


def test_topology_says_who_waits_for_whom(looked: Looked) -> None:
    """Two that each wait to send what the other one would receive, and nobody else."""
    rows = looked.of("topology", "Links of the chain: who waits", looked.at.faults["F14"].pid).rows
    marks = places()
    expected = {("main.partner.first", marks["F14 there"], 1), ("main.partner.second", marks["F14 back"], 1)}
    assert expected == {(row["function"], row["channel"].split()[-1], row["goroutines"]) for row in rows}
    graph = looked.of("topology", "Who waits for whom", looked.at.faults["F14"].pid)
    edges = next(frame for frame in graph.frames if frame.ref == "edges")
    assert 4 == len(edges.rows), "each waits on one channel, from which the other would receive"


def test_close_says_what_the_program_says(looked: Looked) -> None:
    """How many elements were left in a channel that was closed, and how often something panicked, also when the program
    has died of it."""
    leaves, panics = looked.at.faults["F6"], looked.at.faults["F5"]
    rows = looked.of("close", "Order of closes, latest first", leaves.pid).rows
    assert [leaves.state().numbers["count"]] == [r["In the buffer"] for r in rows if r["In the buffer"]]
    assert [leaves.state().numbers["count"]] == list(
        looked.of("close", "Left in closed channels", leaves.pid).last().values()
    )
    (row,) = looked.of("close", "Panics by channel", panics.pid).rows
    assert (panics.state().numbers["count"], "close_of_closed") == (row["How often"], row["Panic"])
    (row,) = looked.of("close", "Panics by channel", looked.at.faults["F5-dies"].pid).rows
    assert (1, "send_on_closed") == (row["How often"], row["Panic"])


def test_objectives_say_what_the_program_says(looked: Looked) -> None:
    """What is allowed, that it is not kept, and how long the slowest of a thousand waits took."""
    late = looked.at.faults["F11"]
    (row,) = looked.of("objectives", "Objectives", late.pid).rows
    late.say("tell")
    told = eventually(lambda: late.state().numbers.get("p999_ns", 0))
    assert (OBJECTIVE_S, 2) == (row["objective"], row["state"])
    assert 0.5 < row["long"] / (told / 1e9) < 2


def test_the_agents_dashboard_says_what_is_watched(looked: Looked) -> None:
    """By the one all but the program that died, by the other one two, and one is refused."""
    rows = {row["Instance"]: row for row in looked.panel("agent", "Agents, one by one").rows}
    careful, careless = (
        rows[looked.at.resource_of(a.pid)["instance"]] for a in (looked.at.careful, looked.at.careless)
    )
    assert (len(BAD) + 2 - 1, 0) == (careful["Programs"], careful["Refused"])
    assert (2, 1) == (careless["Programs"], careless["Refused"])


def test_the_pipelines_dashboard_says_what_was_sent(looked: Looked) -> None:
    """All Collectors are seen; what the overloaded one took and refused is what it was sent."""
    (board,) = (panel for panel in SHIPPED["pipeline"]["panels"] if panel["title"] == "Collectors")

    def all_are_seen() -> bool:
        now = replace(looked.asker, range=Range(looked.at.since, time.time() - 1))
        assert {"there": 3, "gone": 0} == now.panel("pipeline", board, everything(SHIPPED["pipeline"])).last()
        return True

    assert eventually(all_are_seen)  # a scrape that a busy machine was too slow for takes one away for a moment
    chosen = {"instance": Chosen((looked.at.overloaded_instance,))}
    panels = {panel.title: panel for panel in looked.asker.board("pipeline", SHIPPED["pipeline"], chosen)}
    seconds = looked.asker.range.seconds
    spans = sum(
        sum(value for _, value in points) / len(points) * (points[-1][0] - points[0][0])
        for title in ("Accepted from otelchan", "Refused over time")
        for _, points in panels[title].lines("B")
    )
    assert 0.8 < spans / looked.at.sent_between(looked.asker.range.start, looked.asker.range.end) < 1.2, seconds
