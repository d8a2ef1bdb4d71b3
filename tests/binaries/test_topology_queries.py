"""The topology dashboard's graphs on series that are written down here, by Prometheus's own engine (`make stack`)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dashboards.generator.boards.topology_graphs import BLOCKED, USES
from dashboards.generator.boards.topology_tables import COULD, WAITS
from tests.support.stack import binary

GREEN, ORANGE, RED, BLUE = "#73BF69", "#FF9830", "#F2495C", "#5794F2"
ONE = {"job": "shop", "instance": "one"}
_CHOSEN = {"$job": ".+", "$instance": ".+", "$channel": ".+", "$__rate_interval": "1m", "$__range": "1h"}
_SAMPLE = re.compile(r'\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\} (\S+?)(?:,|$)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Rows = set[tuple[str, ...]]
Written = tuple[str, float]
"""A series and its value."""


def waits(function: str, operation: str, channel: str, goroutines: int = 1, **labels: str) -> Written:
    """Goroutines are parked there."""
    return _series("channel_edge_waiters", goroutines, function, operation, channel, labels)


def uses(function: str, operation: str, channel: str, **labels: str) -> Written:
    """It was seen to do that."""
    return _series("channel_edge_total", 3, function, operation, channel, labels)


def aged(channel: str, operation: str, seconds: float = 90) -> Written:
    """The oldest that waits there has waited so long."""
    return _series("channel_wait_age_seconds", seconds, "", operation, channel, {})


def own(*channels: str, **labels: str) -> list[Written]:
    """Channels of the program's own."""
    return [_series("channel_lag", 0, "", "", channel, labels) for channel in channels]


def _series(name: str, value: float, function: str, operation: str, channel: str, labels: Mapping[str, str]) -> Written:
    said = {"code_function_name": function, "channel_operation": operation, "channel_name": channel}
    return _text(name, {**ONE, **{key: text for key, text in said.items() if text}, **labels}), value


def _text(name: str, labels: Mapping[str, str]) -> str:
    said = ", ".join(f"{key}={json.dumps(value)}" for key, value in labels.items())
    return f"{name}{{{said}}}"


def answers(folder: Path, panel: Mapping[str, Any], ref: str, series: Sequence[Written], *labels: str) -> Rows:
    """What a query of a panel returns: these labels of each row, "" for one that it has not; "value" is its value."""
    (query,) = (target["expr"] for target in panel["targets"] if target["refId"] == ref)
    for name, value in sorted(_CHOSEN.items(), reverse=True):
        query = query.replace(name, value)
    case = {
        "interval": "15s",
        "input_series": [{"series": one, "values": f"{value}x20"} for one, value in series],
        "promql_expr_test": [{"expr": query, "eval_time": "3m", "exp_samples": [{"labels": "nothing", "value": 0}]}],
    }
    (folder / "case.yaml").write_text(yaml.safe_dump({"tests": [case]}), encoding="utf-8")
    command = [str(binary("promtool")), "test", "rules", "case.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    said = re.search(r"^ *got: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    assert said, done.stdout + done.stderr
    rows = [(dict(_LABEL.findall(row)), str(float(value))) for row, value in _SAMPLE.findall(said[1])]
    assert rows or said[1] == "nil", said[1]
    found = [tuple({**row, "value": value}.get(label, "") for label in labels) for row, value in rows]
    assert len(found) == len(set(found)), found
    return set(found)


def edges(folder: Path, panel: Mapping[str, Any], series: Sequence[Written]) -> Rows:
    """Source, target, what is written on it. "f x" for the function x, "c y" for the channel y of the first process."""
    found = answers(folder, panel, "edges", series, "source", "target", "mainstat")
    return {(_short(source), _short(target), said) for source, target, said in found}


def nodes(folder: Path, panel: Mapping[str, Any], series: Sequence[Written]) -> Rows:
    """Id, as edges, colour, what is written in it."""
    found = answers(folder, panel, "nodes", series, "id", "color", "mainstat")
    return {(_short(id_), color, said) for id_, color, said in found}


def _short(text: str) -> str:
    return re.sub(r"^(f|c)\w+/shop/(one/)?", r"\1 ", text)


RING = [
    *(waits("main.parse", "send", "parsed", 2), waits("main.check", "send", "checked")),
    *(uses("main.parse", "send", "parsed"), uses("main.check", "recv", "parsed")),
    *(uses("main.check", "send", "checked"), uses("main.parse", "recv", "checked"), *own("parsed", "checked")),
    *(aged("parsed", "send"), aged("checked", "send", 1.5)),
]


def test_a_deadlock_is_a_circle(tmp_path: Path) -> None:
    """Who waits, on what, who could act, and that he waits too."""
    assert {
        ("f main.parse", "c parsed", "2 wait to send"),
        ("c parsed", "f main.check", "could recv"),
        ("f main.check", "c checked", "1 wait to send"),
        ("c checked", "f main.parse", "could recv"),
    } == edges(tmp_path, BLOCKED, RING)
    assert {
        ("f main.parse", ORANGE, "2 wait"),
        ("f main.check", ORANGE, "1 wait"),
        ("c parsed", ORANGE, "2 wait"),
        ("c checked", ORANGE, "1 wait"),
    } == nodes(tmp_path, BLOCKED, RING)


def test_a_chain_ends_at_who_does_not_wait(tmp_path: Path) -> None:
    """Who closes could end a wait to receive, and so could who sends; what is found to be wrong is red."""
    series = [
        *(waits("main.get", "recv", "results", 3), uses("main.put", "send", "results")),
        *(uses("main.stop", "close", "results"), uses("main.get", "recv", "results"), *own("results")),
        aged("results", "recv"),
        _series("goroutine_leak_suspected", 3, "main.get", "", "results", {"leak_evidence": "grows"}),
        _series("otelchan_finding", 1, "", "", "results", {"finding_id": "F1", "finding_severity": "critical"}),
    ]
    assert {
        ("f main.get", "c results", "3 wait to recv"),
        ("c results", "f main.put", "could send"),
        ("c results", "f main.stop", "could close"),
    } == edges(tmp_path, BLOCKED, series)
    assert {
        ("f main.get", RED, "3 wait"),
        ("c results", RED, "3 wait"),
        ("f main.put", GREEN, ""),
        ("f main.stop", GREEN, ""),
    } == nodes(tmp_path, BLOCKED, series)


def test_a_select_waits_on_several_channels(tmp_path: Path) -> None:
    """Its goroutines count once where the function is, and on each channel."""
    series = [
        waits("main.pick", "recv", "urgent", 4),
        waits("main.pick", "recv", "normal", 4),
        *own("urgent", "normal"),
    ]
    series += [aged("urgent", "recv"), aged("normal", "recv")]
    assert {
        ("f main.pick", BLUE, "4 wait"),
        ("c urgent", BLUE, "4 wait"),
        ("c normal", BLUE, "4 wait"),
    } == nodes(tmp_path, BLOCKED, series)


def test_processes_are_kept_apart_where_it_is_about_who_waits_for_whom(tmp_path: Path) -> None:
    """Nobody in another process can act; the functions that use a channel are shown of all of them together."""
    two = {"instance": "two"}
    series = [waits("main.put", "send", "jobs"), *own("jobs"), uses("main.take", "recv", "jobs", **two)]
    series += [*own("jobs", **two), aged("jobs", "send")]
    assert {("f main.put", "c jobs", "1 wait to send")} == edges(tmp_path, BLOCKED, series)
    assert {("f main.put", "c jobs", "1 wait"), ("c jobs", "f main.take", "")} == edges(tmp_path, USES, series)


def test_nobody_is_late_for_a_timer(tmp_path: Path) -> None:
    """Waits on channels of timers and contexts are uses, but no link of a chain; a graph without a node would be an
    error in Grafana."""
    series = [waits("main.tick", "recv", "time.NewTicker tick.go:36"), aged("time.NewTicker tick.go:36", "recv")]
    assert {("none", GREEN, "")} == nodes(tmp_path, BLOCKED, series)
    assert set() == edges(tmp_path, BLOCKED, series)
    assert {("c time.NewTicker tick.go:36", "f main.tick", "1 wait")} == edges(tmp_path, USES, series)
    assert {("none", GREEN, "")} == nodes(tmp_path, USES, [])


def test_who_waits_for_a_moment_is_in_no_chain(tmp_path: Path) -> None:
    """Two that hand over to each other in turns would look like a circle; the table has them, with their ages."""
    series = [(name, 0.999 if "age" in name else value) for name, value in RING]
    assert set() == edges(tmp_path, BLOCKED, series)
    assert {("none", GREEN, "")} == nodes(tmp_path, BLOCKED, series)
    assert set() == answers(tmp_path, COULD, "A", series, "code_function_name")
    assert {("main.parse", "0.999"), ("main.check", "0.999")} == answers(
        tmp_path, WAITS, "B", series, "code_function_name", "value"
    )


def test_every_edge_has_its_nodes_and_an_id_of_its_own_that_a_url_can_have(tmp_path: Path) -> None:
    """Also with methods and with channels that have no file and line: Grafana refers to arrow heads by `url(#id)`."""
    series = [
        *RING,
        waits("example.com/x/pkg.(*Pool[...]).Get", "recv", "chan int example.com/x/pkg.(*Pool[...]).Get"),
        uses("main.(*T).put", "send", "main.New main.go:7"),
        uses("main.(*T).put", "close", "main.New main.go:7"),
        *own("chan int example.com/x/pkg.(*Pool[...]).Get"),
        aged("chan int example.com/x/pkg.(*Pool[...]).Get", "recv"),
    ]
    for panel in (BLOCKED, USES):
        ids = {id_ for (id_,) in answers(tmp_path, panel, "nodes", series, "id")}
        drawn = answers(tmp_path, panel, "edges", series, "id", "source", "target")
        assert {end for _, *ends in drawn for end in ends} == ids
        assert len(drawn) == len({id_ for id_, *_ in drawn})
        assert not [id_ for id_, *_ in drawn if re.search(r"[\s()'\"\\]", id_)]


def test_the_tables_say_the_same_as_the_graph(tmp_path: Path) -> None:
    """How long, how many could end it, and what these wait for themselves."""
    series = [
        *RING,
        waits("main.alone", "send", "lost"),
        *own("lost"),
        aged("lost", "send", 12),
    ]
    function = "code_function_name"
    assert {("main.parse", "2.0"), ("main.check", "1.0"), ("main.alone", "1.0")} == answers(
        tmp_path, WAITS, "A", series, function, "value"
    )
    assert {("main.parse", "90.0"), ("main.check", "1.5"), ("main.alone", "12.0")} == answers(
        tmp_path, WAITS, "B", series, function, "value"
    )
    assert {("main.parse", "1.0"), ("main.check", "1.0"), ("main.alone", "0.0")} == answers(
        tmp_path, WAITS, "C", series, function, "value"
    )
    series += [uses("main.other", "recv", "parsed")]
    assert {
        ("parsed", "main.check", "1.0"),
        ("parsed", "main.other", "0.0"),
        ("checked", "main.parse", "2.0"),
    } == answers(tmp_path, COULD, "A", series, "channel_name", function, "value")
