"""Where analysed executables are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otelchan.config import Config, image_folder, load

OF_ROOT = Path("/var/cache/otelchan/images")


def test_root_has_the_folder_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its environment says: sudo keeps that of a user."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert OF_ROOT == image_folder(Config(), {"HOME": "/home/ann", "XDG_CACHE_HOME": "/home/ann/.c"})


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "/home/ann"}, Path("/home/ann/.cache/otelchan/images")),
        ({"HOME": "/home/ann", "XDG_CACHE_HOME": "/data/c"}, Path("/data/c/otelchan/images")),
        ({"HOME": "/home/ann", "XDG_CACHE_HOME": "c"}, Path("/home/ann/.cache/otelchan/images")),
        ({"HOME": "/home/ann", "XDG_CACHE_HOME": ""}, Path("/home/ann/.cache/otelchan/images")),
        ({}, None),
    ],
)
def test_others_have_their_own(environ: dict[str, str], folder: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG Base Directory Specification says; none without a home."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert folder == image_folder(Config(), environ)


@pytest.mark.parametrize(
    ("given", "folder"), [("/data/images", Path("/data/images")), ("off", None), ("auto", OF_ROOT)]
)
def test_it_can_be_set_and_switched_off(given: str, folder: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """By OTELCHAN_IMAGE_CACHE, as every setting."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert folder == image_folder(load(None, {"OTELCHAN_IMAGE_CACHE": given}, {}), {})


def test_a_file_may_say_off(tmp_path: Path) -> None:
    """YAML reads a bare off as false."""
    path = tmp_path / "otelchan.yaml"
    path.write_text("image_cache: off\n")
    assert image_folder(load(str(path), {}, {}), {}) is None
