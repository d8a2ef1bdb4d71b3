"""How much the agent has to say: its log lines, counted by level."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

Add = Callable[[str, float, Mapping[str, str]], None]
_LOGGER = "otelchan"


class LogCount(logging.Handler):
    """Counts what passes the logger of otelchan, from its making to `close`."""

    def __init__(self, add: Add) -> None:
        super().__init__()
        self._add = add
        logging.getLogger(_LOGGER).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """One more line."""
        self._add("otelchan.log.record", 1, {"otelchan.log.level": record.levelname.lower()})

    def close(self) -> None:
        """Count no more."""
        logging.getLogger(_LOGGER).removeHandler(self)
        super().close()
