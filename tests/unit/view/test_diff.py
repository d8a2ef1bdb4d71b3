"""Snapshots as files and compared: what is new, gone, grown, and still in the very same wait."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from otelchan.errors import UsageError
from otelchan.view.diff import diff_document, grew
from otelchan.view.diff_text import print_diff
from otelchan.view.snapshot import Member, Snapshot
from otelchan.view.snapshot_file import read_snapshot, write_snapshot
from tests.support import compared
from tests.support.compared import MINUTE, after, before, census, snapshot


def changes(one: Snapshot, other: Snapshot, least: int = 10) -> dict[str, str]:
    """What became of each group, by its wait reason."""
    return {group["wait_reason"]: group["change"] for group in diff_document(one, other, least)["groups"]}


def stored(made: Snapshot, path: Path) -> Path:
    """A snapshot as a file."""
    with path.open("wb") as file:
        write_snapshot(made, file)
    return path


def test_a_group_is_grown_or_shrunk_from_the_least_number_on() -> None:
    """15 more are at least 15 more, and not 16."""
    assert {"chan send": "grown", "select": "same", "running": "same"} == changes(before(), after(), 15)
    assert {"chan send": "same", "select": "same", "running": "same"} == changes(before(), after(), 16)
    assert "shrunk" == changes(after(), before(), 15)["chan send"]
    assert "same" == changes(after(), before(), 16)["chan send"]
    assert (True, False) == (grew(diff_document(before(), after(), 15)), grew(diff_document(after(), before(), 15)))


def test_a_group_is_new_or_gone() -> None:
    """When there was none of it before, or is none of it after."""
    nobody = snapshot(census(0))
    assert ("new", "gone") == (changes(nobody, after())["chan send"], changes(after(), nobody)["chan send"])


def test_growth_is_per_minute() -> None:
    """Of 15 more within two minutes; not known where no time has passed."""
    later = snapshot(census(17, 2 * MINUTE))
    (first, *_) = diff_document(before(), later, 10)["groups"]
    assert 7.5 == first["growth_per_minute"]
    assert {None} == {group["growth_per_minute"] for group in diff_document(before(), before(), 10)["groups"]}


def test_the_very_same_wait_is_told_by_id_and_park() -> None:
    """Goroutines with other ids are others, however much their parks look alike."""
    (first, *_) = diff_document(before(), after(), 10)["groups"]
    assert (2, [42, 43]) == (first["same_wait"], first["same_wait_ids"])
    others = snapshot(census(17, MINUTE, first_id=100))
    (first, *_) = diff_document(before(), others, 10)["groups"]
    assert (0, list(range(107, 117))) == (first["same_wait"], first["new_ids"])


@pytest.mark.parametrize(
    ("earlier", "later", "same"),
    [
        (Member(7, 0, (272, 1, 3, 9), 0), Member(7, 0, (272, 1, 3, 9), 1), True),
        (Member(7, 0, (272, 1, 3, 9), 0), Member(7, 55, (272, 1, 3, 9), 0), True),  # a collection came in between
        (Member(7, 55, (272, 1, 3, 9), 0), Member(7, 55, (272, 1, 3, 9), 0), True),
        (Member(7, 55, (272, 1, 3, 9), 0), Member(7, 0, (272, 1, 3, 9), 0), False),  # running cleared the stamp
        (Member(7, 55, (272, 1, 3, 9), 0), Member(7, 66, (272, 1, 3, 9), 0), False),
        (Member(7, 0, (272, 1, 3, 9), 0), Member(7, 0, (272, 1, 4, 9), 0), False),
        (Member(7, 0, (), 0), Member(7, 0, (), 0), False),  # running in both
    ],
)
def test_a_wait_is_the_same_until_the_goroutine_runs(earlier: Member, later: Member, same: bool) -> None:
    """Which changes the scheduler's mark, or takes the collector's stamp away."""
    assert same == earlier.same_wait(later)


def test_another_process_has_no_wait_in_common() -> None:
    """Ids come again in each run of a program; another build is told from another run."""
    other = after()._replace(head={**after().head, "process": {**after().head["process"], "start_ticks": 9}})
    document = diff_document(before(), other, 10)
    assert (False, True, {0}) == (
        document["same_process"],
        document["same_executable"],
        {group["same_wait"] for group in document["groups"]},
    )
    built = after()._replace(head={**after().head, "go": {**after().head["go"], "build_id": "other"}})
    assert not diff_document(before(), built, 10)["same_executable"]
    assert "note: these are two different executables, so a line may have moved and look new" in printed(
        diff_document(before(), built, 10)
    )


def printed(document: dict[str, Any]) -> list[str]:
    """The lines in a pipe."""
    out = io.StringIO()
    print_diff(document, out)
    return out.getvalue().splitlines()


def test_what_people_read_says_where_how_many_and_how_fast() -> None:
    """What has grown first, then what waits since before."""
    lines = printed(diff_document(before(), after(), 10))
    assert (
        "from pid 4711 at 2026-11-21T09:06:40Z to pid 4711 at 2026-11-21T09:07:40Z: 1 min, 4 goroutines, then 19"
        == (lines[0])
    )
    at = lines.index("New or grown by 10 goroutines or more")
    row = lines[at + 2].split()
    assert ["2", "17", "+15/min", "chan", "send"] == row[:5]
    assert lines[at + 2].endswith("main.askPrice main.go:88  main.askPrice.func1 main.go:89")
    assert any(line.startswith("Long-lived: in the very same wait in both") for line in lines)
    assert any(line.startswith("main.askPrice main.go:87") and "2 -> 17" in line for line in lines)
    assert "no group of goroutines has grown or shrunk by 10 goroutines or more" in printed(
        diff_document(before(), before(), 10)
    )


def test_a_file_has_all_of_a_snapshot(tmp_path: Path) -> None:
    """Read back it is the same."""
    path = stored(after(), tmp_path / "a")
    assert json.loads(json.dumps(diff_document(before(), after(), 1))) == json.loads(
        json.dumps(diff_document(before(), read_snapshot(str(path)), 1))
    )
    assert (after().groups, after().channels) == (read_snapshot(str(path)).groups, read_snapshot(str(path)).channels)


def test_a_file_that_was_cut_short_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    """Both the packed file and one whose last lines are missing."""
    whole = stored(after(), tmp_path / "a").read_bytes()
    lines = gzip.decompress(whole).splitlines(keepends=True)
    cut = [whole[:size] for size in range(20, len(whole) - 1, 23)]
    cut += [gzip.compress(b"".join(lines[:number])) for number in range(1, len(lines))]
    for data in cut:
        path = tmp_path / "cut"
        path.write_bytes(data)
        with pytest.raises(UsageError, match=r"damaged or was cut short; copy it again|is not a snapshot"):
            read_snapshot(str(path))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not a snapshot; give a file that `otelchan snapshot` wrote, or a PID"),
        (b"plain text", "is not a snapshot; give a file that `otelchan snapshot` wrote, or a PID"),
        (
            gzip.compress(b"[1, 2]\n", mtime=0),
            "is not a snapshot; give a file that `otelchan snapshot` wrote, or a PID",
        ),
        (
            gzip.compress(b'{"otelchan_snapshot": 9}\n', mtime=0),
            "has format 9, and this otelchan reads format 1; compare it",
        ),
        (gzip.compress(b'{"otelchan_snapshot": 1}\n[]\n', mtime=0), "is damaged or was cut short; copy it again"),
        (
            gzip.compress(b'{"otelchan_snapshot": 1}\n{"stacks": []}\n{"end": 0}\n', mtime=0),
            "is damaged or was cut short; copy it again",
        ),
        (gzip.compress(b"[" * 100_000, mtime=0), "is damaged or was cut short; copy it again"),
    ],
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    """In one sentence."""
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        read_snapshot(str(path))


def test_a_file_that_is_not_there_is_named() -> None:
    """Perhaps a PID was meant."""
    with pytest.raises(UsageError, match="the snapshot /no/such cannot be read: No such file or directory; give the"):
        read_snapshot("/no/such")
    assert compared.before().head["goroutines"] == 4


def test_a_file_with_a_text_for_a_number_is_refused(tmp_path: Path) -> None:
    """And is no bug of ours later, when it is compared."""
    whole = gzip.decompress(stored(after(), tmp_path / "a").read_bytes())
    for key in (b'"closed":', b'"pid":', b'"wait_reason":'):
        old, new = key, key + b'[],"was":'
        changed = whole.replace(old, new)
        assert whole != changed
        (tmp_path / "b").write_bytes(gzip.compress(changed, mtime=0))
        with pytest.raises(UsageError, match="is damaged or was cut short; copy it again"):
            read_snapshot(str(tmp_path / "b"))
