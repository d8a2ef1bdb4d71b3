"""`otelchan report`: what it takes, what it writes, and what it says when it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otelchan.cli import main
from otelchan.findings.types import Assessment
from tests.support.otlp_lines import Recorder
from tests.support.snapshots import NOW, SECOND, channel, finding, snapshot
from tests.support.stills import taken


def recorded(path: Path) -> Path:
    """A program that leaks."""
    recorder = Recorder(path)
    for second in range(3):
        recorder.look(snapshot([channel()], time_unix_ns=NOW + second * SECOND), Assessment((finding(),)))
    return path


def test_a_recording_becomes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says where it is and what is in it; the page names the finding and the line."""
    page = tmp_path / "shop.html"
    assert 0 == main(["report", str(recorded(tmp_path / "a.jsonl")), "-o", str(page)])
    assert capsys.readouterr().out.startswith(f"{page}: 1 program, 1 finding, ")
    text = page.read_text()
    assert "37 goroutines are stuck" in text
    assert "main.worker main.go:57" in text
    assert 0o600 == page.stat().st_mode & 0o777


def test_a_page_is_replaced_and_anything_else_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`-o` with the name of a recording would cost it."""
    source, page = str(recorded(tmp_path / "a.jsonl")), str(tmp_path / "shop.html")
    assert [0, 0] == [main(["report", source, "-o", page]) for _ in range(2)]
    before = Path(source).read_bytes()
    assert 2 == main(["report", source, "-o", source])
    assert "exists and is no page of ours" in capsys.readouterr().err
    assert before == Path(source).read_bytes()


def test_a_snapshot_has_findings_that_nobody_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To be said instead of "no findings", which is good news."""
    still, page = str(taken(tmp_path / "a.snap")), str(tmp_path / "shop.html")
    assert 0 == main(["report", still, "-o", page])
    assert capsys.readouterr().out.startswith(f"{page}: 1 program, findings not looked for in 1 snapshot, ")
    assert 0 == main(["report", still, str(recorded(tmp_path / "a.jsonl")), "-o", page])
    assert "2 programs, 1 finding, findings not looked for in 1 snapshot, " in capsys.readouterr().out


def test_a_page_that_cannot_be_written_is_said_before_anything_is_watched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A minute of watching would be lost; and what was only tried leaves nothing behind."""
    assert 2 == main(["report", "999999999", "-o", str(tmp_path / "no" / "such.html")])
    said = capsys.readouterr().err
    assert "cannot write" in said
    assert "999999999" not in said
    assert 2 == main(["report", "999999999", "-o", str(tmp_path / "shop.html")])
    assert "999999999" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no-such-file"], "cannot be read: No such file or directory"),
        (["999999999"], "999999999"),
        (["here.jsonl", "-o", "no/such/folder.html"], "cannot write no/such/folder.html"),
        (["9" * 300], "cannot be read: File name too long"),
        (["here.jsonl", "-o", "a" * 300], "File name too long; give another path"),
        (["here.jsonl", "-o", "pipe"], "cannot write pipe: it is not a regular file"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    """Exit status 2, and no page."""
    monkeypatch.chdir(tmp_path)
    recorded(tmp_path / "here.jsonl")
    os.mkfifo("pipe")  # whoever opens it waits for ever
    assert 2 == main(["report", *arguments])
    said = capsys.readouterr().err.splitlines()
    assert says in said[-1]
    assert said[-1].startswith("otelchan: ")
    assert [] == list(tmp_path.glob("**/*.html"))


def test_without_the_extra_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is read or watched."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.chdir(tmp_path)
    assert 2 == main(["report", "no-such-file"])
    assert "pip install 'otelchan[report]'" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_is_not_worth_a_word(tmp_path: Path) -> None:
    """matplotlib would keep things there, and warns when it is imported."""
    source, page = recorded(tmp_path / "a.jsonl"), tmp_path / "shop.html"
    program = "import sys; from otelchan.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "report", source, "-o", page],
        env={"MPLCONFIGDIR": "/proc/no-such-folder"},
        capture_output=True,
        text=True,
    )
    assert (0, "") == (done.returncode, done.stderr)
