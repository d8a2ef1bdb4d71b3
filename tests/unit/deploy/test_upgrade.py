"""Upgrade and downgrade: what the version before left on disk is read, what this one writes under the same number of a
form is what that one reads, and what a later one may write is refused by name. docs/upgrading.md lists the files.

Each folder in old/ was written by the commit that it is named after (tests/support/old_state.py).
"""

from __future__ import annotations

import fcntl
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from otelchan import costs
from otelchan.cli import main
from otelchan.config import load
from otelchan.errors import TargetError
from otelchan.gobinary.imagecache import ImageCache, maker
from otelchan.gobinary.imagecodec import unpack as unpack_image
from otelchan.recording import format as recording
from otelchan.recording.player import play
from otelchan.target.lock import lock
from otelchan.target.types import Process
from otelchan.view.snapshot_file import read_snapshot, write_snapshot
from tests.support.old_state import OLD, unpack


@pytest.fixture(scope="module", params=sorted(path.name for path in OLD.iterdir()))
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of one version as they were on disk."""
    return unpack(OLD / request.param, tmp_path_factory.mktemp("state") / "old")


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit status, and what a command wrote to both streams."""
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out + err


def rewritten(path: Path, target: Path, **changed: Any) -> Path:
    """A file of JSON lines, packed, with other values in its first line."""
    first, *others = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    head = json.dumps({**json.loads(first), **changed}).encode() + b"\n"
    target.write_bytes(gzip.compress(b"".join([head, *others])))
    return target


def test_an_old_snapshot_is_read_and_written_again_as_it_was(old: Path, tmp_path: Path) -> None:
    """Byte by byte: whatever this version writes under that number, the one before reads."""
    again = tmp_path / "again"
    with again.open("wb") as file:
        write_snapshot(read_snapshot(str(old / "leaky.snapshot")), file)

    assert gzip.decompress((old / "leaky.snapshot").read_bytes()) == gzip.decompress(again.read_bytes())


def test_an_old_recording_is_played(old: Path) -> None:
    """Every round of it, with the leak that was in the program."""
    rounds = list(play(str(old / "leaky.recording")))

    assert 2 <= len(rounds)
    channels = {channel.name for channel in rounds[-1].snapshot.channels}
    assert any("main.askPrice main.go:" in name for name in channels), channels


def test_an_old_export_becomes_a_report(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Metrics and spans that were written to a file."""
    lines = tmp_path / "lines"
    lines.write_bytes(gzip.decompress((old / "leaky.otlp.gz").read_bytes()))

    status, text = said(capsys, "report", lines, "-o", tmp_path / "page.html")

    assert 0 == status, text
    assert ": 1 program, " in text
    assert "main.askPrice main.go:" in (tmp_path / "page.html").read_text()


def test_an_old_configuration_is_valid_with_every_setting_in_it(old: Path, tmp_path: Path) -> None:
    """What `config print --defaults` wrote, with every setting that it had as a comment put into effect."""
    text = (old / "otelchan.yaml").read_text()
    in_effect, settings = re.subn(r"(?m)^( *)#(?=[a-z_]+:)", r"\1", text)
    file = tmp_path / "otelchan.yaml"
    file.write_text(in_effect)

    assert settings > 50
    load(str(file), {}, {})


def test_an_old_image_is_used_only_by_the_code_that_made_it(old: Path) -> None:
    """It says where probes go. One of other code is not in the way: it is found out anew and replaced."""
    (image,) = (old / "cache").glob("*.image")
    cache, same_code = ImageCache(old / "cache"), maker() in image.read_bytes()
    found = cache.load(image.stem)

    assert same_code == (found is not None)
    assert found is None or "go1.27.3" == unpack_image(found, "leaky", 1, 1).build.go_version
    cache.store(image.stem, b"analysed anew")
    assert b"analysed anew" == cache.load(image.stem)


@pytest.mark.parametrize("file", sorted(OLD.glob(f"*/cache/{costs.FILE}")), ids=lambda file: file.parts[-3])
def test_old_costs_are_used_only_for_what_they_were_measured_with(file: Path, tmp_path: Path) -> None:
    """That is one boot, one kernel side and one way of attaching, all in one key."""
    tmp_path.chmod(0o700)
    (tmp_path / costs.FILE).write_bytes(file.read_bytes())
    kept = json.loads(file.read_text())

    assert {int(kind): cost for kind, cost in kept["cost_ns"].items()} == costs._kept(tmp_path, kept["key"])
    assert None is costs._kept(tmp_path, "another")


def test_an_old_otelchan_that_still_watches_is_seen(old: Path, tmp_path: Path) -> None:
    """Both versions take the same lock: a file with this name, locked by flock, with a process id in it."""
    process = replace(some_process(old), pid=4711, start_ticks=99)
    held = tmp_path / "4711-99.lock"
    held.write_text("1234\n")
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with (
            pytest.raises(TargetError, match="already watched by otelchan with process id 1234"),
            lock(process, tmp_path),
        ):
            pass


def some_process(old: Path) -> Process:
    """Of an old recording."""
    first = next(iter(recording.events(str(old / "leaky.recording"))))
    assert isinstance(first, recording.Header)
    return first.process


def test_a_form_that_kept_its_number_has_what_the_version_before_asks_for(old: Path) -> None:
    """A recording is read by the version before when every field that it knew is there and of the same type. So a
    change that breaks this needs another FORMAT, which that version refuses by its number."""
    before: dict[str, Any] = json.loads((old / "recording.schema.json").read_text())

    assert before["format"] != recording.FORMAT or [] == list(lacking(before["$defs"], present()))


def present() -> dict[str, Any]:
    """What lines of a recording look like now, by name."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(msgspec.json.schema(recording.Event)))["$defs"]
    return found


def lacking(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What would stop the one that reads by `old` from reading what is written by `new`; and the reverse."""
    for name, before in old.items():
        now = new.get(name)
        if now is None or now.get("type") != before.get("type"):
            yield f"{name}: {now}"
        elif before["type"] == "array":  # a tuple: neither more nor fewer
            if before.get("prefixItems") != now.get("prefixItems"):
                yield f"{name}: {now}"
        elif before["type"] == "object":
            kept, there = before["properties"], now["properties"]
            yield from (f"{name}.{key}" for key, value in kept.items() if shape(value) != shape(there.get(key)))
            yield from (f"{name}.{key}: new, and required" for key in set(now["required"]) - set(kept))


def shape(of: Any) -> Any:
    """A schema without what is no part of the form."""
    return {key: value for key, value in of.items() if key != "default"} if isinstance(of, dict) else of


@pytest.mark.parametrize(
    "breaking",
    [
        lambda properties: properties.pop("census"),
        lambda properties: properties.update(census={"type": "string"}),
        lambda properties: properties["census"].update(anyOf=[{"type": "null"}]),
    ],
)
def test_a_change_that_the_version_before_cannot_read_is_caught(old: Path, breaking: Any) -> None:
    """A field that is gone, or of another type."""
    before = json.loads((old / "recording.schema.json").read_text())["$defs"]
    changed = present()
    breaking(changed["Round"]["properties"])

    assert ["Round.census"] == list(lacking(before, changed))


def test_a_recording_of_a_later_form_is_refused_by_its_number(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the version that made it, which can play it."""
    later = rewritten(old / "leaky.recording", tmp_path / "later", format=99, otelchan="9.9.9")

    status, text = said(capsys, "census", "--recording", later)

    assert 2 == status
    assert f"has format 99, and this otelchan plays format {recording.FORMAT}; play it with otelchan 9.9.9" in text


def test_a_snapshot_of_a_later_form_is_refused_by_its_number(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both by who compares it and by who makes a page of it."""
    later = rewritten(old / "leaky.snapshot", tmp_path / "later", otelchan_snapshot=99)

    for command in (("diff", later, old / "leaky.snapshot"), ("report", later, "-o", tmp_path / "page.html")):
        status, text = said(capsys, *command)
        assert 2 == status
        assert "has format 99, and this otelchan reads format 1" in text


def test_what_a_later_version_adds_to_a_recording_is_passed_over(old: Path, tmp_path: Path) -> None:
    """A field that is not known is no reason to refuse a form that is."""
    more = rewritten(old / "leaky.recording", tmp_path / "more", added_later={"by": "somebody"})

    assert len(list(play(str(old / "leaky.recording")))) == len(list(play(str(more))))


def test_a_setting_of_a_later_version_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After a downgrade a file may have one: it is refused with its line, and not silently passed over."""
    file = tmp_path / "otelchan.yaml"
    file.write_text("interval_s: 10\nof_a_later_version: true\n")

    status, text = said(capsys, "config", "validate", file)

    assert 2 == status
    assert "of_a_later_version" in text


@pytest.mark.parametrize(
    "content", [b"otelchan image 2\n" + bytes(100), b"", b"otelchan image 1\n" + bytes(64) + b"of another version"]
)
def test_a_cached_image_of_a_later_form_is_passed_over(tmp_path: Path, content: bytes) -> None:
    """As if there were none."""
    tmp_path.chmod(0o700)
    digest = "ab" * 32
    (tmp_path / f"{digest}.image").write_bytes(content)

    assert None is ImageCache(tmp_path).load(digest)


@pytest.mark.parametrize(
    "content", ['{"key": "k", "cost_ns": {"1": 9.0}, "added_later": 1}', '{"version": 2}', "", "[]"]
)
def test_measured_costs_of_a_later_form_are_passed_over(tmp_path: Path, content: str) -> None:
    """They are measured anew; those of the known form are used."""
    tmp_path.chmod(0o700)
    file = tmp_path / costs.FILE
    file.write_text(content)
    assert None is costs._kept(tmp_path, "k")

    file.write_text('{"key": "k", "cost_ns": {"1": 9.0}}')
    assert {1: 9.0} == costs._kept(tmp_path, "k")


def test_every_old_file_is_looked_at(old: Path) -> None:
    """So that one that is added is not forgotten here; and which version made them is known."""
    files = {path.name for path in old.rglob("*") if path.is_file() and path.suffix != ".image"}
    text = Path(__file__).read_text()

    assert [] == sorted(name for name in files - {"made-by.json", costs.FILE} if f'"{name}"' not in text)
    assert {"commit", "version"} == set(json.loads((old / "made-by.json").read_text()))
