"""Files: what each is, what is passed over, and what is said of what cannot be read."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from otelchan.errors import UsageError
from otelchan.report.sources import read
from tests.support.otlp_lines import Recorder, agent, changed, program
from tests.support.snapshots import NOW, SECOND, channel, snapshot


def recorded(path: Path, looks: int = 3, start: int = NOW) -> Path:
    """Some looks at a program, a second apart."""
    recorder = Recorder(path)
    for number in range(looks):
        recorder.look(snapshot([channel(lag=number)], time_unix_ns=start + number * SECOND))
    return path


def test_a_line_that_is_cut_short_at_the_end_is_said_and_the_rest_is_read(tmp_path: Path) -> None:
    """The agent may be writing it, or have been killed."""
    path = recorded(tmp_path / "a.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    found = read([str(path)])
    assert (3, 0, True) == (found.sources[0].lines, found.sources[0].damaged, found.sources[0].torn)
    assert 2 == found.histories[0].looks


def test_damaged_lines_are_counted_and_passed_over(tmp_path: Path) -> None:
    """Bytes that are no text, no JSON, no OTLP, numbers without bounds, brackets without end."""
    path = recorded(tmp_path / "a.jsonl")
    bad = (b"\xff\xfe", b"{", b'{"a": 1}', b"[]", b'{"resourceMetrics": 5}', b"[" * 100_000)
    huge = b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":"%s"}]}}]}]}]}'
    path.write_bytes(b"".join(line + b"\n" for line in (*bad, huge % (b"9" * 400))) + path.read_bytes())
    found = read([str(path)])
    assert (10, 7, False) == (found.sources[0].lines, found.sources[0].damaged, found.sources[0].torn)
    assert 3 == found.histories[0].looks


def test_what_others_have_written_is_passed_over_and_counted(tmp_path: Path) -> None:
    """The Collector's file exporter writes what comes, logs too; in a Resource of ours another scope may be."""
    path = recorded(tmp_path / "a.jsonl")
    others: list[dict[str, Any]] = [
        {"resourceLogs": [{"scopeLogs": []}]},
        {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"scope": {"name": "http"}, "metrics": []}]}]},
        {"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": {"arrayValue": {"values": []}}}]}}]},
    ]
    lines = "".join(json.dumps(other) + "\n" for other in others)
    path.write_text(lines + path.read_text())
    found = read([str(path)])
    assert (6, 3, 0) == (found.sources[0].lines, found.sources[0].foreign, found.sources[0].damaged)
    assert ["shop"] == [history.resource["service.name"] for history in found.histories]


def test_files_are_read_in_the_order_of_what_they_tell(tmp_path: Path) -> None:
    """Rotated files may be given in any order, and one of them twice."""
    later = recorded(tmp_path / "a.jsonl", start=NOW + 100 * SECOND)
    earlier = recorded(tmp_path / "b.jsonl")
    (history,) = read([str(later), str(earlier), str(later)]).histories
    assert (6, NOW, NOW + 102 * SECOND) == (history.looks, history.start, history.end)
    assert 0 == history.series.gone.late


def test_the_same_recorded_twice_counts_once(tmp_path: Path) -> None:
    """By the agent's file and by the Collector's, say."""
    one = recorded(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_bytes(one.read_bytes())
    (history,) = read([str(one), str(tmp_path / "b.jsonl")]).histories
    assert 3 == history.looks
    assert 0 < history.series.gone.late


def test_a_pair_of_files_by_signal_is_one_recording(tmp_path: Path) -> None:
    """As `--otlp-file 'shop-{signal}.jsonl'` writes it."""
    path = recorded(tmp_path / "a.jsonl")
    for kind in ("resourceMetrics", "resourceSpans"):
        lines = [line for line in path.read_text().splitlines(True) if kind in json.loads(line)]
        (tmp_path / kind).write_text("".join(lines))
    (history,) = read([str(tmp_path / "resourceMetrics"), str(tmp_path / "resourceSpans")]).histories
    assert 3 == history.looks


def test_programs_and_agents_are_kept_apart(tmp_path: Path) -> None:
    """Also two instances of one service, and an agent that has the name of one."""
    path = tmp_path / "a.jsonl"
    for pid in (1, 2):
        Recorder(path, program("shop", pid)).look(snapshot())
    agent(path).points([], NOW)
    found = read([str(path)])
    assert [True, True, False] == [history.is_program for history in found.histories]


def test_integers_may_be_numbers_too(tmp_path: Path) -> None:
    """OTLP JSON: writers give 64-bit integers as strings, readers take both."""

    def as_numbers(value: Any) -> None:
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            if key in ("timeUnixNano", "startTimeUnixNano", "asInt"):
                value[key] = int(item)
            elif isinstance(item, dict | list):
                as_numbers(item)

    (history,) = read([str(changed(recorded(tmp_path / "a.jsonl"), as_numbers))]).histories
    assert (3, NOW + 2 * SECOND) == (history.looks, history.end)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no program that otelchan watched is in"),
        (b"hello\nworld\n", "neither OTLP JSON lines nor a snapshot"),
        (b"\x28\xb5\x2f\xfd rest", "zstd"),
        (gzip.compress(b"hello\n", mtime=0), "is not a snapshot"),
        (gzip.compress(b'{"resourceMetrics": []}\n', mtime=0), "unpack it with `gunzip`"),
        (gzip.compress(b"hello\n", mtime=0)[:12], "damaged or was cut short"),
        (b'{"resourceLogs": []}\n', "no program that otelchan watched is in"),
    ],
)
def test_a_file_that_tells_of_no_program_is_an_error_in_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    """With the file's name, and what to do."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=says) as raised:
        read([str(path)])
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Likewise."""
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read([str(tmp_path / "none")])


def test_a_pipe_is_an_error(tmp_path: Path) -> None:
    """It can be read once, and what a file is has to be looked at first: the page would lack its first looks."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is not a regular file"):
        read([str(tmp_path / "pipe")])
