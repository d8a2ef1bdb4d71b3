"""Configuration files, and the sentences that wrong ones are refused with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otelchan.config import load
from otelchan.errors import UsageError


def written(folder: Path, text: str) -> str:
    """The path of a configuration file with this text."""
    path = folder / "otelchan.yaml"
    path.write_text(text)
    return str(path)


def refused(path: str | None = None, environ: dict[str, str] | None = None, **flags: Any) -> str:
    """The sentence that these settings are refused with."""
    with pytest.raises(UsageError) as error:
        load(path, environ or {}, flags)
    return str(error.value)
