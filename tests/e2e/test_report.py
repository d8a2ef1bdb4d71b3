"""`otelchan report` on the demonstration's program, opened in Chromium without a network, as a person would open it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.agent import otelchan
from tests.support.browser import Browser, browser
from tests.support.gobuild import source_line

WATCH_S = 25
MADE, STUCK = "leak: the channel is made here", "leak: the goroutines are stuck here"
WIDTHS = (1280, 400)
LARGE = "[...document.querySelectorAll('.canvas svg')]"


class Made(NamedTuple):
    """watched: the page of `report PID`. recorded: what `run --otlp-file` wrote of another one. snapshot: of that."""

    watched: Path
    said: str
    recorded: Path
    snapshot: Path


@pytest.fixture(scope="module")
def made(workload: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two leaking programs, watched in two ways at the same time."""
    folder = tmp_path_factory.mktemp("report")
    pages = Made(folder / "watched.html", "", folder / "recorded.jsonl", folder / "still.json")
    with leaking(workload("leaky")) as first, leaking(workload("leaky")) as second, ThreadPoolExecutor(1) as beside:
        record = ("run", second, "--interval", 1, "--duration", WATCH_S, "--otlp-file", pages.recorded)
        recording = beside.submit(otelchan, *record)
        done = otelchan("report", first, "--duration", WATCH_S, "-o", pages.watched)
        assert 0 == recording.result().returncode, recording.result().stderr
        assert 0 == otelchan("snapshot", second, "-o", pages.snapshot).returncode
    assert 0 == done.returncode, done.stderr
    return pages._replace(said=done.stdout)


@contextmanager
def leaking(program: Path) -> Iterator[int]:
    """The process id of a program that loses four goroutines a second."""
    process = subprocess.Popen([program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for all tests."""
    with browser() as opened:
        yield opened


def text(chromium: Browser, where: str) -> str:
    """What can be read there."""
    return str(chromium.run(f"[...document.querySelectorAll({where!r})].map((e) => e.innerText).join('\\n')"))


def test_the_page_names_the_leaking_line(made: Made, chromium: Browser) -> None:
    """The finding, the line where the channel is made and the line where goroutines are stuck, as the source has it."""
    chromium.open(made.watched)
    finding = text(chromium, ".finding:not(.over)")
    assert re.search(r"\b1 program, 1 finding,", made.said)
    assert "F1, leaked goroutines" in finding
    assert f"main.askPrice main.go:{source_line('leaky', MADE)}" in finding
    assert f"main.askPrice.func1 main.go:{source_line('leaky', STUCK)}" in finding
    assert "Nobody" not in finding


def test_a_recorded_file_and_a_snapshot_give_the_same_answer(made: Made, chromium: Browser, tmp_path: Path) -> None:
    """The recording the finding with its line; the snapshot, which has no history, the goroutines that wait there, and
    the words that a moment tells no finding."""
    line = f"main.askPrice.func1 main.go:{source_line('leaky', STUCK)}"
    for source, where in ((made.recorded, ".finding:not(.over)"), (made.snapshot, "table")):
        page = tmp_path / "page.html"
        done = otelchan("report", source, "-o", page)
        assert 0 == done.returncode, done.stderr
        chromium.open(page)
        assert line in text(chromium, where), source.name
        assert [] == chromium.said
    assert "from one moment" in text(chromium, "main")


def test_it_needs_no_network_and_its_script_has_no_fault(made: Made, chromium: Browser) -> None:
    """It asks for itself only, in both schemes, and no error, warning or violation of its policy is told."""
    for dark in (False, True):
        chromium.open(made.watched, dark=dark)
        chromium.run("new Promise((done) => setTimeout(done, 300))")
        assert [] == chromium.said
        assert [made.watched.as_uri()] == chromium.asked
    assert "\ufffd" not in made.watched.read_text()
    assert made.watched.stat().st_size < 200_000


def test_a_table_sorts_by_the_column_that_was_clicked(made: Made, chromium: Browser) -> None:
    """Largest first, then smallest first; with the keyboard too."""
    chromium.open(made.watched)
    chromium.run(
        "window.table = [...document.querySelectorAll('table')].find((t) => t.innerText.includes('lag over time'));"
        "window.column = [...table.tHead.rows[0].cells].findIndex((c) => c.innerText.trim() === 'capacity');"
        "window.head = table.tHead.rows[0].cells[column].querySelector('button');"
        "window.numbers = () => [...table.tBodies[0].rows].map((r) => r.cells[column].innerText)"
        ".filter((t) => /^[0-9]/.test(t)).map(Number)"
    )
    before = chromium.run("numbers()")
    assert len(set(before)) > 2, "there is nothing to sort"
    chromium.run("head.click()")
    assert sorted(before, reverse=True) == chromium.run("numbers()")
    chromium.run("head.focus()")
    chromium.press("Enter", 13, "\r")
    assert sorted(before) == chromium.run("numbers()")
    assert "ascending" == chromium.run("head.parentElement.getAttribute('aria-sort')")
    assert [] == chromium.said


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_pictures_are_drawn_and_nothing_is_wider_than_the_window(
    made: Made, chromium: Browser, width: int, dark: bool
) -> None:
    """What is wider scrolls by itself. Each picture has a size, text that can be read, and the scheme's colours."""
    chromium.open(made.watched, width, dark=dark)
    assert width == chromium.run("document.documentElement.scrollWidth")
    sizes = chromium.run(f"{LARGE}.map((s) => [s.getBoundingClientRect().width, s.getBoundingClientRect().height])")
    assert len(sizes) >= 6
    assert [] == [size for size in sizes if size[0] < 150 or size[1] < 20]
    heights = chromium.run(
        f"{LARGE}.flatMap((s) => [...s.querySelectorAll('text')].map((t) => t.getBoundingClientRect().height))"
    )
    assert min(heights) > 9  # of a line: its letters are smaller
    ink, ground = (chromium.run(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    assert dark == (brightness(ink) > brightness(ground))
    strokes = chromium.run(
        f"{LARGE}.flatMap((s) => [...s.querySelectorAll('path')].map((p) => getComputedStyle(p).fill))"
    )
    assert len(set(strokes)) > 5  # variables were found: what is not would be black


def brightness(colour: str) -> int:
    """Of rgb(1, 2, 3)."""
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def test_the_text_of_a_node_is_inside_its_box(made: Made, chromium: Browser) -> None:
    """graphviz has measured it without knowing the browser's font."""
    chromium.open(made.watched)
    over = chromium.run(
        "[...document.querySelectorAll('.graph g:not(.way)')].flatMap((node) => {"
        "  const box = node.querySelector(':scope > polygon, :scope > path');"
        "  if (!box) return [];"
        "  return [...node.querySelectorAll(':scope > text')].map((text) =>"
        "    [text.textContent, box.getBBox().width - text.getBBox().width]);})"
    )
    assert len(over) > 5
    assert [] == [(name, room) for name, room in over if room < 4]


def test_nothing_that_gets_into_the_page_could_run_or_ask(made: Made, chromium: Browser) -> None:
    """Its policy refuses what is not its own script, should a name of a program ever get through as HTML."""
    chromium.open(made.watched)
    chromium.run(
        "(() => {document.body.insertAdjacentHTML('beforeend',"
        '  \'<img src="http://127.0.0.1:9/x.png" onerror="window.ran = 1"><b onclick="window.ran = 2" id=b>x</b>\');'
        "const s = document.createElement('script'); s.textContent = 'window.ran = 3'; document.body.append(s);"
        "document.getElementById('b').click();})()"
    )
    chromium.run("new Promise((done) => setTimeout(done, 300))")
    assert chromium.run("window.ran") is None
    assert [made.watched.as_uri()] == [url for url in chromium.asked if "x.png" not in url]
    for refused in ("event handler", "inline script", "x.png"):
        assert any(refused in line and "Content Security Policy" in line for line in chromium.said), refused


def test_it_can_be_printed(made: Made, chromium: Browser) -> None:
    """Dark on light also by a reader who prefers dark, on A4 across, with all stacks open."""
    chromium.open(made.watched, dark=True)
    opened = "[...document.querySelectorAll('details')].map((one) => one.open)"
    assert {False} == set(chromium.run(opened))
    paper = chromium.paper()
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 1
    boxes = {tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox\s*\[([^\]]+)\]", paper)}
    assert {(842, 595)} == {(round(width), round(height)) for _, _, width, height in boxes}
    assert {True} == set(chromium.run(opened))
    chromium.scheme(dark=True, paper=True)
    ink, ground = (chromium.run(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    assert brightness(ink) < 200
    assert ground == "rgba(0, 0, 0, 0)", "none: the paper's"
    assert "F1" in text(chromium, "nav"), "a program that has no room on the page is in this table only"


def test_without_graphviz_it_says_how_to_get_the_picture(made: Made, chromium: Browser, tmp_path: Path) -> None:
    """And has the graph in words."""
    assert shutil.which("dot"), "graphviz is not there: run scripts/setup.sh --test"
    page = tmp_path / "page.html"
    done = otelchan("report", made.recorded, "-o", page, env={"PATH": str(tmp_path)})
    assert 0 == done.returncode, done.stderr
    chromium.open(page)
    assert 0 == chromium.run("document.querySelectorAll('.graph svg').length")
    assert "apt-get install graphviz" in text(chromium, "main")
    assert "main.askPrice.func1 → main.askPrice main.go" in text(chromium, "main")
