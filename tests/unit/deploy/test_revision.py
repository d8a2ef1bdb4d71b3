"""Which revision a build is of: hatch_build.py asks git only where it is this clone that is asked about."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hatch_build import revision


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit."""
    monkeypatch.delenv("SOURCE_REVISION", raising=False)
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("first\n")
    git(tmp_path, "add", "file")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "--quiet", "-m", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_revision_is_the_commit(clone: Path) -> None:
    """In full."""
    assert git(clone, "rev-parse", "HEAD") == revision(clone)


def test_a_file_of_git_that_was_changed_is_said(clone: Path) -> None:
    """The commit alone would be a lie."""
    (clone / "file").write_text("second\n")

    assert f"{git(clone, 'rev-parse', 'HEAD')}-changed" == revision(clone)


def test_a_file_that_git_does_not_know_changes_nothing(clone: Path) -> None:
    """As what a build leaves behind."""
    (clone / "dist").write_text("built\n")

    assert git(clone, "rev-parse", "HEAD") == revision(clone)


def test_a_repository_around_an_unpacked_archive_is_not_asked(clone: Path) -> None:
    """Its commit is another thing's."""
    unpacked = clone / "otelchan-0.1.0"
    unpacked.mkdir()

    assert None is revision(unpacked)


def test_a_repository_without_a_commit_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not an error."""
    monkeypatch.delenv("SOURCE_REVISION", raising=False)
    git(tmp_path, "init", "--quiet")

    assert None is revision(tmp_path)


def test_who_builds_may_say_it(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an image's build does, which has no .git."""
    monkeypatch.setenv("SOURCE_REVISION", "abc")

    assert "abc" == revision(clone)
