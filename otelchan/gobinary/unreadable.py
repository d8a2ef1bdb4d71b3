"""What is said of a file that cannot be opened: also where the modules that take executables apart are not loaded."""

from __future__ import annotations

from pathlib import Path

from otelchan.errors import BinaryError


def unreadable(path: str | Path, error: OSError) -> BinaryError:
    """What to say of a file that cannot be opened."""
    advice = "give the path of a readable Go executable"
    if isinstance(error, PermissionError):
        advice = "run as root, or with CAP_DAC_READ_SEARCH"
    return BinaryError(f"{path} cannot be opened: {error.strerror}; {advice}")
