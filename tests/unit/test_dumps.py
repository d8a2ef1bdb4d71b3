"""Dumps are bounded in number and size, and what is left out is counted by reason."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from otelchan import dumps as module
from otelchan.commands.looking import Look
from otelchan.config import Config, dump_folder, load
from otelchan.config import Dumps as Settings
from otelchan.dumps import Dumps, Order, _answer, _dump
from otelchan.files import own_folder
from otelchan.gobinary.functions import FunctionTable
from otelchan.gobinary.pclntab import PclnTable
from tests.support import looks
from tests.support.blocked import parse_dump
from tests.support.images import go_image

MEGABYTE = 1_000_000
TABLE = PclnTable(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 27, False, 1, 0, 0)


def order(folder: Path, files: int = 10, size: int = MEGABYTE) -> Order:
    """A dump of a process that there is not."""
    return Order(2**22 + 1, 0, str(folder), "a.txt.gz", files, size)


def many(number: int) -> Look:
    """So many goroutines, which differ in their ids and in where they were started."""
    stuck = looks.census().goroutines[-1]
    goroutines = tuple(stuck._replace(id=id_, parent_id=id_ * 7919 % 1_000_003) for id_ in range(2, number + 2))
    return Look(looks.PROCESS, looks.image(), replace(looks.census(), goroutines=goroutines), None, "")


def dumped(tmp_path: Path, look: Look, size: int) -> tuple[dict[str, int], str, int]:
    """What is said of a dump, its text, and its size."""
    with own_folder(tmp_path / "dumps", create=True) as folder:
        said = _dump(order(tmp_path, size=size), look, folder)
    data = (tmp_path / "dumps" / "a.txt.gz").read_bytes()
    return said, gzip.decompress(data).decode(), len(data)


def test_a_dump_has_every_goroutine(tmp_path: Path) -> None:
    """Each with its stack."""
    said, text, _ = dumped(tmp_path, many(2000), MEGABYTE)
    assert {"goroutines": 2000, "left_out": 0} == said
    assert set(range(2, 2002)) == set(parse_dump(text.splitlines()))


def test_a_dump_is_not_larger_than_allowed(tmp_path: Path) -> None:
    """What has no room is left out and counted, at the end of the file too; what is there is whole."""
    said, text, size = dumped(tmp_path, many(40_000), 200_000)
    assert said["goroutines"] > 1000
    assert 40_000 == said["goroutines"] + said["left_out"]
    assert 50_000 < size <= 200_000
    body, _, last = text.rpartition("\n\n")
    assert f"{said['left_out']} goroutines more had no room\n" == last
    assert said["goroutines"] == len(parse_dump(body.splitlines()))


def test_a_full_folder_gets_no_dump(tmp_path: Path) -> None:
    """Also one that is half written counts; files of others do not."""
    tmp_path.chmod(0o700)
    for name in ("1.txt.gz", ".2.txt.gz.17.new", "notes"):
        (tmp_path / name).touch()
    said = _answer(order(tmp_path, files=2), b"")
    why = f"{tmp_path} has 2 dumps already (dumps.files); move them elsewhere"
    assert {"reason": "full", "why": why} == said
    assert "gone" == _answer(order(tmp_path, files=3), b"")["reason"]


def test_a_folder_of_others_gets_no_dump(tmp_path: Path) -> None:
    """Stacks say what a program does."""
    tmp_path.chmod(0o755)
    said = _answer(order(tmp_path), b"")
    assert ("folder", True) == (said["reason"], "not to us alone" in said["why"])


def test_a_program_that_has_ended_is_said_to_be_gone(tmp_path: Path) -> None:
    """By the child that would read it; it is not dumped twice within the pause, and not at all when dumps are off."""
    settings = Settings(folder=str(tmp_path / "dumps"))
    dumps = Dumps(Config(dumps=settings))
    process = replace(looks.PROCESS, pid=2**22 + 1)
    image = go_image()
    dumps.take(process, replace(image, functions=FunctionTable("/srv/leaky", TABLE)))
    dumps.close()
    assert {"gone": 1} == dumps.left_out
    dumps.take(process, image)
    assert ({"gone": 1, "too_soon": 1}, 0) == (dumps.left_out, dumps.written)
    dumps.reconfigure(Config(dumps=Settings(folder=None)))
    dumps.take(process, image)
    assert {"gone": 1, "too_soon": 1} == dumps.left_out


def test_programs_that_surge_together_wait_for_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is written after the other; who comes when too many wait is left out."""
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    dumps = Dumps(Config(dumps=Settings(folder=str(tmp_path / "dumps"))))
    image = replace(go_image(), functions=FunctionTable("/srv/leaky", TABLE))
    for number in range(1, 6):
        dumps.take(replace(looks.PROCESS, pid=2**22 + number), image)
    dumps.close()
    assert dumps.left_out["busy"] in (2, 3)  # the first one may wait too, when the second one comes
    assert {"busy": dumps.left_out["busy"], "gone": 5 - dumps.left_out["busy"]} == dumps.left_out


def test_the_message_of_the_child_is_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Whatever happens there."""
    print(json.dumps(_answer(order(tmp_path / "new"), b"")))
    assert "gone" == json.loads(capsys.readouterr().out)["reason"]


def test_where_dumps_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state folder of the system for root, of the user for others; or where somebody says; or nowhere."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert Path("/var/lib/otelchan/dumps") == dump_folder(Config(), {"HOME": "/root"})
    assert Path("/data") == dump_folder(load(None, {"OTELCHAN_DUMPS_FOLDER": "/data"}, {}), {})
    assert dump_folder(load(None, {"OTELCHAN_DUMPS_FOLDER": "off"}, {}), {}) is None
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert Path("/home/ann/.local/state/otelchan/dumps") == dump_folder(Config(), {"HOME": "/home/ann"})
    assert Path("/s/otelchan/dumps") == dump_folder(Config(), {"HOME": "/home/ann", "XDG_STATE_HOME": "/s"})
    assert dump_folder(Config(), {}) is None


def test_half_a_dump_of_a_writer_that_was_killed_is_removed(tmp_path: Path) -> None:
    """Long after any writer would have ended; or it would take the place of a dump for ever. Other files stay."""
    tmp_path.chmod(0o700)
    names = (".1.txt.gz.17.new", ".2.txt.gz.18.new", "notes.new", "3.txt.gz")
    for name in names:
        (tmp_path / name).touch()
        if not name.startswith(".2"):
            os.utime(tmp_path / name, (0, 0))
    assert "full" == _answer(order(tmp_path, files=3), b"")["reason"]
    assert set(names[1:]) == {path.name for path in tmp_path.iterdir()}
    assert "gone" == _answer(order(tmp_path, files=4), b"")["reason"]
