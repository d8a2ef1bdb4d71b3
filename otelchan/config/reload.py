"""The settings once more while the agent runs: the same file, with the variables and flags it was started with."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from otelchan.config.leaves import LEAVES, Leaf
from otelchan.config.load import Loaded, resolve
from otelchan.config.settings import Config
from otelchan.config.text import scalar, value_of
from otelchan.config.values import shown
from otelchan.errors import UsageError

log = logging.getLogger("otelchan.config")

Apply = Callable[[Config], None]


class Source(NamedTuple):
    """Where settings are read from. path: of the file, None: as OTELCHAN_CONFIG says. flags: by dotted key."""

    path: str | None
    environ: Mapping[str, str]
    flags: Mapping[str, Any]

    def load(self) -> Loaded:
        """The settings. Raises UsageError."""
        return resolve(self.path, self.environ, self.flags)


class Reload:
    """Reads the file again when it is asked to. asked: an event that a signal sets."""

    def __init__(self, source: Source, loaded: Loaded, asked: threading.Event) -> None:
        self._source = source
        self._config = loaded.config
        self._path = loaded.path
        self._asked = asked

    def if_asked(self, apply: Apply) -> None:
        """When asked: read, check, hand what changed to `apply` and say it. With an error everything stays as it was,
        and one line says why. apply: may raise UsageError, when it has done nothing."""
        if not self._asked.is_set():
            return
        self._asked.clear()
        if not self._path:
            log.warning("asked to read the configuration again, but there is no file; start with --config FILE")
            return
        try:
            wanted = self._source.load().config
            changed = changes(self._config, wanted)
            config = with_settings(self._config, wanted, [leaf.key for leaf in changed if leaf.reload])
            apply(config)
        except UsageError as error:
            log.error("the configuration stays as it was: %s", error)
            return
        for leaf in changed:
            restart = "" if leaf.reload else "; restart to apply"
            was, is_now = (_word(leaf, value_of(config, leaf.key)) for config in (self._config, wanted))
            log.info("configuration: %s: %s -> %s%s", leaf.key, was, is_now, restart)
        log.info("configuration read again from %s: %d settings changed", self._path, len(changed))
        self._config = config


def changes(old: Config, new: Config) -> list[Leaf]:
    """The settings in which they differ."""
    return [leaf for leaf in LEAVES.values() if value_of(old, leaf.key) != value_of(new, leaf.key)]


def with_settings(old: Config, new: Config, keys: list[str]) -> Config:
    """The old ones, but these as in the new ones."""
    made = old
    for key in keys:
        made = _replaced(made, key.split("."), value_of(new, key))
    return made


def _replaced(struct: Any, path: list[str], value: Any) -> Any:
    name, *rest = path
    return msgspec.structs.replace(struct, **{name: _replaced(getattr(struct, name), rest, value) if rest else value})


def _word(leaf: Leaf, value: Any) -> str:
    masked = shown(leaf, value)
    return "unset" if masked is None else masked if isinstance(masked, str) else scalar(masked)
