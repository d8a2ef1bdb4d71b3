"""Recordings of real programs, made by the command and played without them."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from otelchan.cli import make_parser
from otelchan.commands.common import config_of
from otelchan.commands.record import record
from otelchan.model.types import BlockSpan, Snapshot, SpanContext
from otelchan.recording.player import play
from otelchan.target.process import by_pid
from tests.support import eventually
from tests.support.agent import OTELCHAN, clean_environment, otelchan
from tests.support.blocked import blocked
from tests.support.shop import shop

NOBODY = SpanContext(bytes(16), bytes(8))


def without_ids(span: BlockSpan) -> BlockSpan:
    """Ids of spans are drawn anew each time."""
    return replace(span, context=NOBODY, links=tuple(link._replace(context=NOBODY) for link in span.links))


def comparable(snapshot: Snapshot) -> Snapshot:
    """Without what a recording leaves out on purpose, and without what is drawn."""
    process = replace(snapshot.process, command=())
    return replace(snapshot, process=process, spans=tuple(map(without_ids, snapshot.spans)))


@pytest.mark.parametrize("probes", [True, False], ids=["probes", "memory only"])
def test_what_is_played_is_what_was_published_live(workload: Callable[..., Path], tmp_path: Path, probes: bool) -> None:
    """Every snapshot of a busy program: channels, counts, ages, spans, losses, goroutines; and the last one is true."""
    path, live, stop, attached = tmp_path / "shop.rec", list[Snapshot](), threading.Event(), threading.Event()

    def see(snapshot: Snapshot) -> None:
        live.append(snapshot)
        if not probes or {*snapshot.planes.values()} == {"on"}:
            attached.set()

    config = config_of(make_parser().parse_args(["record", "1", "-o", "x"]), interval_s=0.5)
    with shop(workload("shop", go="1.27.3")) as program:
        process = by_pid(program.pid)
        arguments = (process, config, str(path), stop, 60, probes)
        recording = threading.Thread(target=record, args=arguments, kwargs={"publish": see})
        recording.start()
        assert attached.wait(60)
        program.go()
        truth = program.report()["channels"]
        stuck = sum(t["blocked_senders"] + t["blocked_receivers"] for t in truth.values())
        # On a busy machine a whole look may be seconds away: a census takes at most a hundredth of a processor.
        eventually(lambda: len(live[-1].blocked) == stuck, timeout=60)
        stop.set()
        recording.join()

    played = [one.snapshot for one in play(str(path))]
    assert [comparable(snapshot) for snapshot in live] == [comparable(snapshot) for snapshot in played]
    waiting = {view.name.split()[-1]: (view.waiters.get("send", 0), view.waiters.get("recv", 0)) for view in
               played[-1].channels if view.kind == "user" and any(view.waiters.values())}  # fmt: skip
    assert {
        place: (t["blocked_senders"], t["blocked_receivers"])
        for place, t in truth.items()
        if t["blocked_senders"] or t["blocked_receivers"]
    } == waiting, f"seed {program.seed}"
    assert probes == any(snapshot.spans for snapshot in played)


def same(document: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on when it was looked at."""
    own = [goroutine for goroutine in document["parked"] if not goroutine["system"]]
    parked = sorted(({**g, "age_ns": None, "age_at_least": None} for g in own), key=lambda g: g["id"])
    return {"parked": parked, **{key: document[key] for key in ("process", "go", "channels")}}


@pytest.mark.parametrize("flag", [(), ("--no-probes",)], ids=["probes", "memory only"])
def test_the_census_of_a_recording_is_that_of_the_program(
    workload: Callable[..., Path], tmp_path: Path, flag: tuple[str, ...]
) -> None:
    """Same goroutines with the same stacks, same channels with the same names, and no need of the executable."""
    binary, path = tmp_path / "blocked", tmp_path / "blocked.rec"
    binary.write_bytes(workload("blocked").read_bytes())
    binary.chmod(0o755)
    with blocked(binary) as program:
        program.ask("gc")
        live = json.loads(otelchan("census", program.pid, "--json").stdout)
        done = otelchan("record", program.pid, "-o", path, "--duration", 2, "--json", *flag)
    binary.unlink()
    played = otelchan("census", "--recording", path, "--json")
    text = otelchan("census", "--recording", path, "--round", 1)

    summary = json.loads(done.stdout)
    assert (0, "", str(path), "duration", not flag, path.stat().st_size) == (
        done.returncode,
        done.stderr,
        *(summary[key] for key in ("file", "reason", "probes", "size")),
    )
    document = json.loads(played.stdout)
    assert ("", summary["rounds"]) == (played.stderr, document["origin"]["rounds"])
    assert same(live) == same(document)
    assert f"from round 1 of {summary['rounds']} of the recording {path}, made at 2" in text.stdout.splitlines()[0]
    assert 0o600 == path.stat().st_mode & 0o777


def has_rounds(folder: Path) -> bool:
    """Whether the recording that is being made there has a whole round: before that little of it is in the file."""
    return any(file.stat().st_size > 5000 for file in folder.glob("*.partial"))


def test_a_program_that_ends_ends_the_recording(workload: Callable[..., Path], tmp_path: Path) -> None:
    """What was seen of it is there, whole."""
    for probes in ((), ("--no-probes",)):
        path = tmp_path / f"{len(probes)}.rec"
        with shop(workload("shop")) as program:
            command = [
                OTELCHAN,
                "record",
                str(program.pid),
                "-o",
                path,
                "--duration",
                "60",
                "--interval",
                "0.5",
                *probes,
            ]
            running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
            eventually(lambda: has_rounds(tmp_path))
            program.end()
        output, _ = running.communicate(timeout=60)
        assert (0, True) == (running.returncode, output.endswith("; the program has ended\n")), output
        assert list(play(str(path)))[-1].snapshot.ended


def test_a_signal_ends_it_well(workload: Callable[..., Path], tmp_path: Path) -> None:
    """The file is whole and says why it ended; the program goes on."""
    path = tmp_path / "shop.rec"
    with shop(workload("shop")) as program:
        command = [str(OTELCHAN), "record", str(program.pid), "-o", str(path), "--duration", "60", "--json"]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
        eventually(lambda: has_rounds(tmp_path))
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=60)
        program.go()

    assert (0, "signal") == (running.returncode, json.loads(output)["reason"])
    assert list(play(str(path)))
    assert [path] == list(tmp_path.iterdir())


def test_a_terminal_shows_how_far_it_is(workload: Callable[..., Path], tmp_path: Path) -> None:
    """On a line that is written over and gone in the end; a pipe gets nothing but the result."""
    with blocked(workload("blocked")) as program, open_terminal() as (terminal, shown):
        command = [str(OTELCHAN), "record", str(program.pid), "-o", str(tmp_path / "x.rec"), "--no-probes"]
        command += ["--duration", "1"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, text=True, env=clean_environment())
        text = os.read(shown, 1 << 16).decode()

    assert re.fullmatch(r".*x\.rec: 2 rounds, \d+ kB of pid \d+; complete\n", done.stdout), done.stdout
    assert re.search(rf"\r\x1b\[Krecording pid {program.pid}: 1 round, \d+ kB, \d s of 1 s\r\x1b\[K", text), text
    assert text.endswith("\r\x1b[K")


@contextmanager
def open_terminal() -> Iterator[tuple[int, int]]:
    """A terminal, and where what is shown on it can be read."""
    shown, terminal = pty.openpty()
    try:
        yield terminal, shown
    finally:
        os.close(terminal)
        os.close(shown)


def test_the_file_is_never_larger_than_allowed(workload: Callable[..., Path], tmp_path: Path) -> None:
    """It ends before that, and says so; where not even one look fits, there is no file."""
    path = tmp_path / "blocked.rec"
    with blocked(workload("blocked")) as program:
        most = 45_000
        done = otelchan("record", program.pid, "-o", path, "--no-probes", "--max-bytes", most, "--interval", "0.1")
        refused = otelchan("record", program.pid, "-o", tmp_path / "no", "--no-probes", "--max-bytes", "10k")

    assert done.stdout.endswith("it ends early because the next round would have been over --max-bytes\n"), done.stdout
    assert 10_000 < path.stat().st_size <= most + (1 << 12)
    assert list(play(str(path)))
    assert (2, [path]) == (refused.returncode, list(tmp_path.iterdir()))
    assert f"one look at pid {program.pid} takes more than 10000 bytes; allow more with --max-bytes" in refused.stderr


@pytest.mark.parametrize("flag", [(), ("--no-probes",)], ids=["probes", "memory only"])
def test_what_cannot_be_recorded_leaves_no_file(tmp_path: Path, flag: tuple[str, ...]) -> None:
    """A program that is not Go, a process that is not there, a place that cannot be written: one sentence each."""
    program = subprocess.Popen(["sleep", "60"])
    try:
        cases = [
            ((program.pid, "-o", tmp_path / "x"), "is not a Go executable"),
            ((4194303, "-o", tmp_path / "x"), "there is no running process 4194303; look its id up again"),
            ((program.pid, "-o", tmp_path / "missing" / "x"), "cannot be written: No such file or directory; give"),
        ]
        for arguments, expected in cases:
            done = otelchan("record", *arguments, *flag)
            assert (2, "") == (done.returncode, done.stdout)
            assert expected in done.stderr
            assert "Traceback" not in done.stderr
    finally:
        program.kill()
        program.wait()
    assert [] == list(tmp_path.iterdir())
