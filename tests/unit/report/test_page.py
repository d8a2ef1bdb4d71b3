"""The page: nothing of a program's gets out of its text, nothing is fetched, and it stays small."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from otelchan.findings.types import Assessment, Member
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, GoroutineView
from otelchan.report import make_report
from otelchan.report.html import Cell, Column, Html, table, tag
from otelchan.report.page import MORE, MOST_BYTES, page_of
from otelchan.telemetry.points import Point
from tests.support.otlp_lines import Recorder, agent, program
from tests.support.snapshots import NOW, SECOND, block_span, channel, finding, snapshot

HOSTILE = "</code></td><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202egnp.\x00\ud800"
VOID = ("meta", "br", "col")


class Parsed(HTMLParser):
    """A page's elements with their attributes, and its text; fails on what is not closed."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page.decode())
        self.close()
        assert [] == self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """It may have content."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """It has none."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """It ends what was opened last."""
        assert tag == self._open.pop()

    def handle_data(self, data: str) -> None:
        """Text, also that of the script and the style."""
        if not {"script", "style"}.intersection(self._open):
            self.words.append(data)

    def named(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of the elements of a name."""
        return [attributes for element, attributes in self.elements if element == name]

    @property
    def text(self) -> str:
        """What a person reads."""
        return " ".join(" ".join(self.words).split())


def page(*paths: Path) -> bytes:
    """The page of files."""
    return page_of(make_report([str(path) for path in paths], NOW, "0.1.0"))


def hostile(path: Path) -> Path:
    """A program of which every name is an attack."""
    frame = Frame(HOSTILE.replace("\ud800", ""), HOSTILE.replace("\ud800", ""), 7)
    name = frame.function
    resource = program(name)
    member = Member(7, name, "send", name, Age(5, False), (frame,), name)
    about = finding(
        sentence=name, channel=name, wait_reason=name, site=frame, evidence=name, members=(member,), severity=name
    )
    span = block_span(channel=name, wait_reason=name, frames=(frame,), ongoing=True, waker=None, links=())
    view = channel(name, element_type=name, source=name, closed_by=frame, closed_unix_ns=NOW)
    recorder = Recorder(path, resource)
    for second in range(3):
        goroutines = GoroutineView(3, {name: 3}, {name: Age(5, False)})
        now = {"time_unix_ns": NOW + second * SECOND, "goroutines": goroutines}
        recorder.look(snapshot([view], spans=(span,), **now), Assessment((about,)))
    return path


def test_what_a_program_calls_its_things_stays_text(tmp_path: Path) -> None:
    """Names of channels, functions, files, types, services and reasons, and sentences: escaped everywhere."""
    parsed = Parsed(page(hostile(tmp_path / "a")))
    assert 1 == len(parsed.named("script"))
    assert [] == parsed.named("img")
    assert [] == [key for _, attributes in parsed.elements for key in attributes if key.startswith("on")]
    assert "<script>alert(1)</script>" in parsed.text
    assert set() == set("\x00\u202e").intersection(parsed.text)


def test_nothing_is_fetched_and_only_our_own_script_may_run(tmp_path: Path) -> None:
    """The policy allows the one script and the one style by their hashes, and nothing else at all."""
    made = page(hostile(tmp_path / "a"))
    parsed = Parsed(made)
    (policy,) = [
        meta["content"] for meta in parsed.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy).split(";"))
    assert {"default-src", "style-src", "script-src", "base-uri", "form-action"} == set(rules)
    assert "'none'" == rules["default-src"] == rules["base-uri"] == rules["form-action"]
    for name in ("script", "style"):
        (content,) = re.findall(rf"<{name}>(.*?)</{name}>", made.decode(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" == rules[f"{name}-src"]
    for name in ("src", "href", "xlink:href", "style", "action", "srcset"):
        addresses = [str(attributes[name]) for _, attributes in parsed.elements if name in attributes]
        assert [] == [address for address in addresses if not address.startswith("#")]


def test_every_link_leads_somewhere_and_every_id_is_there_once(tmp_path: Path) -> None:
    """From the table at the top to each program."""
    for pid in range(3):
        Recorder(tmp_path / "a", program("shop", pid)).look(snapshot([channel()]))
    parsed = Parsed(page(tmp_path / "a"))
    ids = [str(attributes["id"]) for _, attributes in parsed.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = [str(link["href"]).removeprefix("#") for link in parsed.named("a")]
    assert 3 == sum(link.startswith("program-") for link in links)
    assert set() == set(links) - set(ids)


def many(path: Path, channels: int, programs: int, looks: int) -> Path:
    """Programs with many channels, with long names."""
    for pid in range(programs):
        recorder = Recorder(path, program(f"shop-{pid}", pid))
        for second in range(looks):
            views = [
                channel(
                    f"example.com/some/long/path/pkg.(*Server).handle.func{n} server_handlers.go:{n}", lag=n * second
                )
                for n in range(channels)
            ]
            recorder.look(snapshot(views, time_unix_ns=NOW + second * SECOND))
    return path


def test_a_page_of_ten_thousand_channels_is_small_and_says_what_it_left_out(tmp_path: Path) -> None:
    """Those with the largest lag, and "and 9,950 more"."""
    recorder = Recorder(tmp_path / "a")
    names = [f"example.com/some/long/path/pkg.(*Server).handle.func{n} handlers.go:{n}" for n in range(10_000)]
    typed = [
        (("channel.name", name), ("channel.name.source", "make"), ("channel.element.type", "int")) for name in names
    ]
    points = [Point("channel.lag", attributes, lag) for lag, attributes in enumerate(typed)]
    recorder.points([Point("go.goroutine.count", (), 7), *points], NOW)
    made = page(tmp_path / "a")
    assert len(made) < 200_000 < MOST_BYTES
    text = Parsed(made).text
    assert "and 9,950 more channel names" in text
    assert names[-1] in text


def test_programs_that_have_no_room_are_shortened_and_then_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says so, and each still has its line at the top."""
    recorded = many(tmp_path / "a", 20, programs=4, looks=2)
    whole = page(recorded)
    monkeypatch.setattr("otelchan.report.page.MOST_BYTES", 60_000 + len(whole) // 3)
    parsed = Parsed(page(recorded))
    assert "For want of room" in parsed.text
    assert "with no more than a line in the table above" in parsed.text
    assert {f"shop-{pid}" for pid in range(4)} <= set(parsed.text.split())


def test_names_without_end_do_not_make_a_large_page(tmp_path: Path) -> None:
    """What a program calls itself and its channels, and what it lost, may be made up."""
    long = '"<' * 3000
    for pid in range(250):
        Recorder(tmp_path / "a", program(f"{pid}{long}", pid)).look(snapshot([channel(long, lag=5)]))
    lost = [Point("otelchan.event.lost", (("otelchan.reason", f"{n}{long}"),), n + 1, NOW) for n in range(500)]
    agent(tmp_path / "a").points(lost, NOW)
    assert len(page(tmp_path / "a")) <= MOST_BYTES


def test_processes_that_are_not_read_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of a part is not one of all."""
    monkeypatch.setattr("otelchan.report.sources.MOST_RESOURCES", 2)
    recorded = many(tmp_path / "a", 1, programs=3, looks=2)
    assert MORE in Parsed(page(recorded)).text


def test_the_page_says_what_was_lost_or_that_it_is_not_known(tmp_path: Path) -> None:
    """Without the agent's own metrics nobody can say that it is complete."""
    Recorder(tmp_path / "a").look(snapshot([channel()]))
    assert "What the agent itself lost is not known" in Parsed(page(tmp_path / "a")).text
    agent(tmp_path / "a").points([Point("otelchan.event.lost", (("otelchan.reason", "span"),), 12, NOW)], NOW)
    text = Parsed(page(tmp_path / "a")).text
    assert "12 spans lost, the ring buffer was full" in text
    assert "Nothing was lost" not in text


def test_the_same_recording_makes_the_same_page(tmp_path: Path) -> None:
    """Byte for byte, at the same moment."""
    recorded = hostile(tmp_path / "a")
    assert page(recorded) == page(recorded)


def test_a_table_is_one_without_scripts_and_tells_the_script_how_to_sort() -> None:
    """Headings with a scope, numbers with what they are sorted by."""
    made = table("Few", [Column("a", "what it is"), Column("n", number=True)], [[Cell("<b>"), Cell("1 k", 1000.0)]])
    assert '<th scope="col" title="what it is">a</th><th scope="col" class="number">n</th>' in made
    assert '<td>&lt;b&gt;</td><td class="number" data-sort="1000.0">1 k</td>' in made
    assert "<caption>Few</caption>" in made


def test_only_html_is_taken_as_html() -> None:
    """Text is escaped in content and in attributes."""
    assert '<p title="&quot;">&lt;<i>x</i></p>' == tag("p", "<", Html("<i>x</i>"), title='"')


def test_spans_alone_are_no_moment_and_show_nobody_at_rest(tmp_path: Path) -> None:
    """Without the file of metrics it is not known who waits, and what spans tell of findings holds all the same."""
    recorder = Recorder(tmp_path / "a")
    for second in range(3):
        recorder.look(snapshot([channel()], time_unix_ns=NOW + second * SECOND), Assessment((finding(),)))
    spans = [line for line in (tmp_path / "a").read_text().splitlines(True) if "resourceSpans" in line]
    (tmp_path / "b").write_text("".join(spans))
    text = Parsed(page(tmp_path / "b")).text
    assert "37 goroutines are stuck" in text
    assert "spans alone and no metrics." in text
    for wrong in ("one moment", "None is parked", "None held", "None can be told"):
        assert wrong not in text


def test_a_single_look_was_looked_at_for_findings(tmp_path: Path) -> None:
    """The agent had been there before it: that it tells of none means something, unlike in a snapshot."""
    Recorder(tmp_path / "a").look(snapshot([channel()], time_unix_ns=NOW))
    text = Parsed(page(tmp_path / "a")).text
    assert "None held at the end. Some show only by growth or age" in text
    assert "in 1 look" in text
    assert "not looked for" not in text
