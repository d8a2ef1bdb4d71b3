"""Where on disk something is kept between runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from otelchan.config.settings import AUTO, Config

IMAGES, DUMPS = Path("/var/cache/otelchan/images"), Path("/var/lib/otelchan/dumps")
"""Of root."""


def image_folder(config: Config, environ: Mapping[str, str]) -> Path | None:
    """The folder of analysed executables; None when there is none."""
    return _folder(config.image_cache, environ, IMAGES, "XDG_CACHE_HOME", ".cache")


def dump_folder(config: Config, environ: Mapping[str, str]) -> Path | None:
    """The folder of dumps; None when there is none."""
    return _folder(config.dumps.folder, environ, DUMPS, "XDG_STATE_HOME", ".local/state")


def _folder(
    setting: str | None, environ: Mapping[str, str], system: Path, variable: str, below_home: str
) -> Path | None:
    """A variable as in the XDG Base Directory Specification 0.8: a relative path is not valid, and is ignored."""
    if setting is None:
        return None
    if setting != AUTO:
        return Path(setting)
    if os.geteuid() == 0:
        return system
    base = Path(environ.get(variable, ""))
    home = Path(environ.get("HOME", ""))
    if base.is_absolute():
        return base / "otelchan" / system.name
    return home / below_home / "otelchan" / system.name if home.is_absolute() else None
