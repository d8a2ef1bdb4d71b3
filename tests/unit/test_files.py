"""Files that are whole or not there, and folders that are ours alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otelchan.files import own_folder, whole_file


def test_a_file_is_under_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    """Not while it is written, and not when that fails; nothing else is left."""
    path = tmp_path / "dump"
    with whole_file(path, replace=False) as file:
        file.write(b"half")
        assert not path.exists()
    assert b"half" == path.read_bytes()
    with pytest.raises(ValueError, match="no more"), whole_file(path, replace=True) as file:
        file.write(b"other")
        raise ValueError("no more")
    assert (b"half", [path]) == (path.read_bytes(), list(tmp_path.iterdir()))


def test_another_file_is_replaced_only_when_that_was_asked_for(tmp_path: Path) -> None:
    """Also one that comes in while this one is written."""
    path = tmp_path / "dump"
    with pytest.raises(FileExistsError), whole_file(path, replace=False) as file:
        file.write(b"mine")
        path.write_bytes(b"theirs")
    with pytest.raises(FileExistsError), whole_file(path, replace=False):
        raise AssertionError("never reached")
    assert (b"theirs", [path]) == (path.read_bytes(), list(tmp_path.iterdir()))
    with whole_file(path, replace=True) as file:
        file.write(b"mine")
    assert b"mine" == path.read_bytes()


def test_a_folder_is_ours_alone(tmp_path: Path) -> None:
    """It is made so, and one that others may look into, or a link to one, is not used."""
    folder = tmp_path / "a" / "b"
    with own_folder(folder, create=True):
        assert 0o700 == folder.stat().st_mode & 0o777
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(OSError, match="link"), own_folder(tmp_path / "link", create=True):
        pass
    folder.chmod(0o750)
    with pytest.raises(PermissionError, match="with mode 750, not to us alone"), own_folder(folder, create=True):
        pass


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    """Neither /dev/null nor /dev/stdout, which would be gone for everybody; here a pipe, a link to an open file, /."""
    pipe, link = tmp_path / "pipe", tmp_path / "stdout"
    os.mkfifo(pipe)
    with (tmp_path / "out").open("wb") as out:
        link.symlink_to(f"/proc/self/fd/{out.fileno()}")
        for path in (pipe, link, Path("/")):
            with pytest.raises(OSError, match="not a regular file"), whole_file(path, replace=True):
                raise AssertionError("never reached")
    assert {"pipe", "stdout", "out"} == {path.name for path in tmp_path.iterdir()}
    assert (True, True) == (pipe.is_fifo(), link.is_symlink())


def test_a_file_that_somebody_has_put_there_is_not_written_to(tmp_path: Path) -> None:
    """In a folder of everybody's, under the name that a half written one has: it would stay theirs."""
    theirs, path = tmp_path / "theirs", tmp_path / "dump"
    theirs.write_bytes(b"theirs")
    (tmp_path / f".dump.{os.getpid()}.new").hardlink_to(theirs)
    with whole_file(path, replace=True) as file:
        file.write(b"mine")
    assert (b"theirs", b"mine") == (theirs.read_bytes(), path.read_bytes())
