"""Where on disk something is kept between runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from otelchan.config.settings import AUTO, Config

_OF_THE_SYSTEM = Path("/var/cache/otelchan/images")


def image_folder(config: Config, environ: Mapping[str, str]) -> Path | None:
    """The folder of analysed executables; None when there is none.

    XDG_CACHE_HOME as in the XDG Base Directory Specification 0.8: a relative path is not valid, and is ignored.
    """
    if config.image_cache is None:
        return None
    if config.image_cache != AUTO:
        return Path(config.image_cache)
    if os.geteuid() == 0:
        return _OF_THE_SYSTEM
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    home = Path(environ.get("HOME", ""))
    if base.is_absolute():
        return base / "otelchan" / "images"
    return home / ".cache" / "otelchan" / "images" if home.is_absolute() else None
