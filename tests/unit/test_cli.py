"""The command line: exit statuses, one sentence per error, nothing heavy imported for --help."""

from __future__ import annotations

import json
import logging
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import otelchan
from otelchan import commands
from otelchan.arguments import selection_of
from otelchan.cli import configure_logging, guarded, main, make_parser
from otelchan.errors import TargetError
from otelchan.target.selection import Selection

ROOT = Path(__file__).parents[2]
HEAVY = (
    "numpy",
    "capstone",
    "elftools",
    "requests",
    "opentelemetry",
    "google",
    "rich",
    "yaml",
    "msgspec",
    "shtab",
    "textual",
    "matplotlib",
)


def parsed(*argv: str) -> Selection:
    """The processes that a command line asks for."""
    return selection_of(make_parser().parse_args(argv))


@pytest.mark.parametrize(("text", "size"), [("500", 500), ("64k", 64_000), ("256M", 256_000_000), ("1g", 10**9)])
def test_a_size_may_have_a_unit(text: str, size: int) -> None:
    """k, M and G are thousands, millions and billions of bytes."""
    assert size == make_parser().parse_args(["record", "4711", "-o", "x", "--max-bytes", text]).max_bytes


def test_the_version_is_that_of_the_package() -> None:
    """pyproject.toml and the code say the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == otelchan.__version__


def test_processes_are_named_the_same_way_in_every_command() -> None:
    """By PID, by --exe, or all."""
    for command in ("run", "census", "goroutines", "plan", "findings", "doctor"):
        assert Selection(pids=(4711,)) == parsed(command, "4711")
        assert Selection(exe=("*/shop",)) == parsed(command, "--exe", "*/shop")
        assert Selection(exe=("*/shop", "api-*")) == parsed(command, "--exe", "*/shop", "--exe", "api-*")
        assert Selection(all=True) == parsed(command, "--all")
        narrowed = parsed(command, "--all", "--include", "/srv/*", "--exclude", "*-test", "--exclude", "job")
        assert Selection(all=True, include=("/srv/*",), exclude=("*-test", "job")) == narrowed
    assert Selection(pids=(1, 2, 3)) == parsed("run", "1", "2", "3")
    for command in ("record", "snapshot"):
        assert Selection(pids=(4711,)) == parsed(command, "4711", "-o", "shop.rec")


@pytest.mark.parametrize(
    "argv",
    [
        ["run"],
        ["census"],
        ["findings", "4711", "--exe", "*/shop"],
        ["run", "--exe", ""],
        ["run", "--all", "4711"],
        ["plan", "--all", "--exe", "*/shop"],
        ["run", "--include", "*/shop"],
        ["run", "4711", "--exclude", "*/shop"],
        ["run", "--all", "--exclude", ""],
        ["census", "--all", "--core", "core"],
        ["goroutines"],
        ["goroutines", "4711", "--recording", "x.rec"],
        ["snapshot", "--core", "core", "--round", "1", "-o", "/no/such/file"],
        ["diff", "/no/such/file", "4711"],
        ["explain", "F99"],
    ],
)
def test_a_command_without_exactly_one_way_of_naming_processes_fails(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 and one sentence."""
    assert 2 == main(argv)
    assert re.fullmatch(r"otelchan: [^\n]+; [^\n]+\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "shop"],
        ["run", "0"],
        ["run", "-5"],
        ["census", "4711", "4712"],
        ["run", "4711", "--interval", "0"],
        ["run", "4711", "--interval", "soon"],
        ["run", "4711", "--duration", "-1"],
        ["run", "4711", "--duration", "nan"],
        ["run", "4711", "--max-overhead", "101"],
        ["run", "4711", "--max-overhead", "none"],
        ["census", "4711", "--limit", "many"],
        ["plan", "4711", "--sample", "-1"],
        ["plan", "4711", "--sample", "601"],
        ["census", "--core"],
        ["census", "--recording", "x", "--round", "0"],
        ["record", "4711"],
        ["record", "4711", "-o", "x", "--max-bytes", "much"],
        ["record", "4711", "-o", "x", "--max-bytes", "0"],
        ["snapshot", "4711"],
        ["goroutines", "4711", "--format", "svg"],
        ["diff", "a.snap"],
        ["diff", "a.snap", "b.snap", "--least", "0"],
        ["completion", "tcsh"],
        ["watch", "4711"],
        [],
    ],
)
def test_an_argument_that_means_nothing_ends_with_status_two(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """argparse's own errors have the same status as ours, and no traceback."""
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert 2 == stopped.value.code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", commands.NAMES)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And the help names every option's unit or default where it has one."""
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert 0 == stopped.value.code
    assert f"example:\n  otelchan {command} " in capsys.readouterr().out


def test_an_error_the_user_can_fix_is_one_sentence_and_status_two(capsys: pytest.CaptureFixture[str]) -> None:
    """str() of the error, nothing else."""

    def fails() -> int:
        raise TargetError("there is no process 4711; look with `ps`")

    assert 2 == guarded(fails, debug=False)
    assert "otelchan: there is no process 4711; look with `ps`\n" == capsys.readouterr().err


def buggy() -> int:
    """An action with a mistake in it."""
    return {"other": 0}["key"]


def test_a_bug_is_one_sentence_and_status_three(capsys: pytest.CaptureFixture[str]) -> None:
    """It says how to see more."""
    assert 3 == guarded(buggy, debug=False)
    expected = "otelchan: this is a bug of ours (KeyError: 'key'); run it again with --debug to see where\n"
    assert expected == capsys.readouterr().err


def test_a_bug_shows_its_traceback_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """With --debug."""
    assert 3 == guarded(buggy, debug=True)
    assert "Traceback" in capsys.readouterr().err


def test_logs_are_lines_of_time_level_and_message_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """And `run` says what it does from the level info on."""
    configure_logging(make_parser().parse_args(["run", "4711"]))
    logging.getLogger("otelchan").info("watching pid %d", 4711)
    logging.getLogger("otelchan").debug("not shown")
    out, err = capsys.readouterr()
    assert "" == out
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} INFO    watching pid 4711\n", err)


def test_help_and_version_import_nothing_heavy() -> None:
    """So that completion and scripts get their answer at once."""
    code = f"import sys, otelchan.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The script names every one of them."""
    assert 0 == main(["completion", shell])
    script = capsys.readouterr().out
    assert [] == [command for command in commands.NAMES if command not in script]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """`otelchan … | head -1` ends quietly."""
    code = "import sys; from otelchan.cli import main; sys.stdin.read(); sys.exit(main(['completion', 'bash']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdin and program.stdout and program.stderr
        program.stdout.close()  # before it writes: it waits for the end of its input
        program.stdin.close()
        assert b"" == program.stderr.read()
        assert 0 == program.wait()


def test_the_first_signal_asks_to_stop_and_the_second_ends_at_once() -> None:
    """Somebody who presses Ctrl-C twice does not want to wait."""
    code = (
        "import signal; from otelchan.commands.common import stop_on_signals\n"
        "stop = stop_on_signals(); print('ready', flush=True)\n"
        "stop.wait(); print('asked', flush=True)\n"
        "while True: signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        assert "ready\n" == program.stdout.readline()
        program.send_signal(signal.SIGTERM)
        assert "asked\n" == program.stdout.readline()
        program.send_signal(signal.SIGINT)
        assert 128 + signal.SIGINT == program.wait()


def test_a_command_that_is_done_ends_whatever_python_would_still_do() -> None:
    """Its output is whole, and its status is its own."""
    code = """
import sys, time
class Hangs:
    def __del__(self):
        time.sleep(600)
sys.modules["hangs"] = Hangs()
sys.argv = ["otelchan", *sys.argv[1:]]
from otelchan.__main__ import run
run()
"""
    fine = subprocess.run(
        [sys.executable, "-c", code, "config", "schema"], capture_output=True, timeout=60, check=False
    )
    wrong = subprocess.run([sys.executable, "-c", code, "plan", "1x"], capture_output=True, timeout=60, check=False)

    assert (0, json.loads((ROOT / "docs" / "config.schema.json").read_text())) == (
        fine.returncode,
        json.loads(fine.stdout),
    )
    assert (2, b"") == (wrong.returncode, wrong.stdout)
