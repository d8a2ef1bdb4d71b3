"""`otelchan top` where there can be no screen: one sentence each."""

import logging
import subprocess
import sys

import pytest

from otelchan.cli import main
from otelchan.commands.top import LogTo
from otelchan.view.top_feed import Feed


def test_a_document_is_of_one_frame(capsys: pytest.CaptureFixture[str]) -> None:
    """A live one would never end."""
    assert 2 == main(["top", "4711", "--json"])
    assert "otelchan: --json prints one frame and top goes on; add --once\n" == capsys.readouterr().err


def test_a_screen_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """It is said before anything is attached."""
    assert 2 == main(["top", "4711"])
    expected = (
        "otelchan: the live screen needs a terminal, and stdin or stderr is none; add --once for one frame as text\n"
    )
    assert expected == capsys.readouterr().err


def test_a_screen_needs_textual() -> None:
    """Which not everybody has installed; --once does without it."""
    code = "import sys; sys.modules['textual'] = None; from otelchan.cli import main; sys.exit(main(sys.argv[1:]))"

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    expected = (
        "otelchan: the live screen needs textual, which is not installed; "
        "run `pip install 'otelchan[tui]'`, or add --once for one frame as text\n"
    )
    assert (2, expected) == run("top", "4711")
    status, error = run("top", "--once", "4194304")  # above the kernel's largest process id
    assert (2, True, False) == (status, error.startswith("otelchan: "), "textual" in error)


def test_what_is_logged_goes_to_the_screen_while_there_is_one() -> None:
    """On the terminal it would be drawn over."""
    feed, log = Feed(), logging.getLogger("otelchan.test")
    before = logging.getLogger().handlers
    with LogTo(feed):
        log.warning("pid %d has ended", 4711)

    (remark,) = feed.remarks()
    assert remark.endswith(" WARNING pid 4711 has ended")
    assert before is logging.getLogger().handlers
