"""Lines as systemd's journal takes them: it has the time of each, and the priority is a number in front.

Source: sd-daemon(3), systemd 252, "<N>" with N as in syslog(3); JOURNAL_STREAM and SyslogLevelPrefix= of
systemd.exec(5).
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping

_ERR, _WARNING, _INFO, _DEBUG = 3, 4, 6, 7


def is_socket(descriptor: int) -> bool:
    """Whether it may be the journal at all: that is cheap to know."""
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:  # closed
        return False


def is_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Whether what is written there goes to the journal. The variable is inherited by those whose stderr is another
    one, so it names device and inode of the journal's."""
    if not is_socket(descriptor):
        return False
    status = os.fstat(descriptor)
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def with_priority(text: str, level: int) -> str:
    """Each line with what a level of `logging` is in syslog(3)."""
    return "\n".join(f"<{_priority(level)}>{line}" for line in text.split("\n"))


class JournalFormatter(logging.Formatter):
    """Neither time nor name of the level, but the priority."""

    def format(self, record: logging.LogRecord) -> str:
        """As with_priority."""
        return with_priority(super().format(record), record.levelno)


def _priority(level: int) -> int:
    if level >= logging.ERROR:
        return _ERR
    if level >= logging.WARNING:
        return _WARNING
    return _INFO if level >= logging.INFO else _DEBUG
