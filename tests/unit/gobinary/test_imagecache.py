"""Images on disk: what was stored comes back, and nothing else does."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from otelchan.gobinary import imagecache
from otelchan.gobinary.imagecache import ImageCache

DIGEST = "ab" * 32


def stored(folder: Path, contents: bytes = b"an image", digest: str = DIGEST) -> Path:
    """The file in which an image was just stored."""
    ImageCache(folder).store(digest, contents)
    return folder / f"{digest}.image"


def test_what_was_stored_comes_back(tmp_path: Path) -> None:
    """Under its own digest only."""
    stored(tmp_path / "images")
    assert (b"an image", None) == (
        ImageCache(tmp_path / "images").load(DIGEST),
        ImageCache(tmp_path / "images").load("cd" * 32),
    )


def test_an_empty_image_is_an_image(tmp_path: Path) -> None:
    """Nothing is not the same as nobody."""
    stored(tmp_path / "images", b"")
    assert b"" == ImageCache(tmp_path / "images").load(DIGEST)


def test_the_folder_and_its_files_are_ours_alone(tmp_path: Path) -> None:
    """Whatever the umask says, nobody else reads or writes them."""
    before = os.umask(0)
    try:
        path = stored(tmp_path / "a" / "images")
    finally:
        os.umask(before)
    assert (0o700, 0o600) == (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o755])
def test_a_folder_that_others_can_enter_is_not_used(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Not read, not written, and said at level debug."""
    path = stored(tmp_path / "images")
    before = path.read_bytes()
    (tmp_path / "images").chmod(mode)
    with caplog.at_level(logging.DEBUG, "otelchan"):
        assert ImageCache(tmp_path / "images").load(DIGEST) is None
    assert f"with mode {mode:o}, not to us alone" in caplog.text
    stored(tmp_path / "images", b"another one")
    assert before == path.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    """Also when it is closed to others."""
    stored(tmp_path / "images")
    os.chown(tmp_path / "images", 12345, 12345)
    assert ImageCache(tmp_path / "images").load(DIGEST) is None


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """It may lead to where somebody else writes."""
    stored(tmp_path / "images")
    (tmp_path / "link").symlink_to(tmp_path / "images")
    assert ImageCache(tmp_path / "link").load(DIGEST) is None


def test_a_link_in_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    """The same for a single image."""
    path = stored(tmp_path / "images")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert ImageCache(tmp_path / "images").load(DIGEST) is None


def test_a_pipe_in_place_of_a_file_does_not_stop_anybody(tmp_path: Path) -> None:
    """Opening one for reading waits for a writer, unless told otherwise."""
    path = stored(tmp_path / "images")
    path.unlink()
    os.mkfifo(path)
    assert ImageCache(tmp_path / "images").load(DIGEST) is None


def test_a_file_cut_short_anywhere_is_not_used(tmp_path: Path) -> None:
    """At every length that it can have."""
    path = stored(tmp_path / "images")
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert ImageCache(tmp_path / "images").load(DIGEST) is None, length


def test_a_file_with_any_bit_changed_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And the reason is said at level debug."""
    path = stored(tmp_path / "images")
    whole = path.read_bytes()
    with caplog.at_level(logging.DEBUG, "otelchan"):
        for position in range(8 * len(whole)):
            changed = bytearray(whole)
            changed[position // 8] ^= 1 << position % 8
            path.write_bytes(changed)
            assert ImageCache(tmp_path / "images").load(DIGEST) is None, position
    reasons = {record.getMessage().rpartition(": ")[2] for record in caplog.records}
    assert {"it is no image of this form", "another otelchan wrote it", "it was cut short or changed"} == reasons


def test_what_another_otelchan_wrote_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules and tables are those of the version that runs."""
    stored(tmp_path / "images")
    monkeypatch.setattr(imagecache, "maker", lambda: bytes(32))
    assert ImageCache(tmp_path / "images").load(DIGEST) is None


def test_the_least_recently_used_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three for whom there is room for two, the one that nobody asked for."""
    monkeypatch.setattr(imagecache, "MOST_FILES", 2)
    folder = tmp_path / "images"
    for age, digest in enumerate(("11", "22")):
        os.utime(stored(folder, digest=digest), ns=(age, age))
    assert b"an image" == ImageCache(folder).load("11")
    stored(folder, digest="33")
    assert {"11.image", "33.image"} == {path.name for path in folder.iterdir()}


def test_bytes_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest fit; one that is too large by itself is not kept at all."""
    monkeypatch.setattr(imagecache, "MOST_BYTES", 1000)
    folder = tmp_path / "images"
    for age, digest in enumerate(("11", "22", "33")):
        os.utime(stored(folder, bytes(400), digest), ns=(age, age))
    assert {"22.image", "33.image"} == {path.name for path in folder.iterdir()}
    stored(folder, bytes(2000), "44")
    assert {"22.image", "33.image"} == {path.name for path in folder.iterdir()}


def test_what_a_killed_otelchan_left_goes_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half written files count like others; what is not ours stays."""
    monkeypatch.setattr(imagecache, "MOST_FILES", 1)
    folder = tmp_path / "images"
    stored(folder, digest="11")
    for name in ("22.image.77.new", "README"):
        (folder / name).write_bytes(b"")
        os.utime(folder / name, ns=(1, 1))
    stored(folder, digest="33")
    assert {"33.image", "README"} == {path.name for path in folder.iterdir()}


def test_no_folder_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A read-only container has no room for it: images are made anew there, and that is said at level debug."""
    (tmp_path / "file").write_bytes(b"")
    cache = ImageCache(tmp_path / "file" / "images")
    with caplog.at_level(logging.DEBUG, "otelchan"):
        cache.store(DIGEST, b"an image")
        assert cache.load(DIGEST) is None
    assert f"the image cache {tmp_path}/file/images is not written" in caplog.text
