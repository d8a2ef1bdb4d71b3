"""See the channels and goroutines of Go programs that are already running, from outside, as OTLP."""

from pathlib import Path

__version__ = "0.1.0"  # the same as in pyproject.toml; a test compares them


def revision() -> str | None:
    """The commit that an installation was built from (hatch_build.py); None in a clone, and when nobody said."""
    file = Path(__file__).with_name("revision.txt")
    return file.read_text(encoding="utf-8").strip() if file.is_file() else None


def full_version() -> str:
    """For a person: "0.1.0, revision 5f2c…"."""
    built_from = revision()
    return f"{__version__}, revision {built_from}" if built_from else __version__
