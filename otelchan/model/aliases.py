"""What the user calls channels: names for those that fit globs, and functions that make channels for their callers.

In a glob `*` stands for anything and `?` for one character; brackets, which Go's names are full of, for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

_PASSING_ON = frozenset(("reflect.makechan", "reflect.MakeChan", "runtime.makechan64"))
_TELLING = frozenset(("time", "context", "os/signal", "runtime"))
"""Packages that are never passed over: that a channel is made in one of them says what it is for."""


class Alias(NamedTuple):
    """A name for channels that fit all these globs, "": not asked for.

    site: of `file.go:line` or of `pkg.Func file.go:line`. function: of the function that makes the channel.
    """

    name: str
    site: str = ""
    function: str = ""
    element_type: str = ""


def package_of(function: str) -> str:
    """The import path in a Go function name: "os/signal" of "os/signal.Notify"."""
    directory, slash, rest = function.rpartition("/")
    return directory + slash + rest.partition(".")[0]


class Rules:
    """Aliases, of which the first that fits counts, and globs of functions that are passed over."""

    def __init__(self, aliases: Iterable[Alias] = (), skip: Iterable[str] = ()) -> None:
        self.aliases, self.skip = tuple(aliases), tuple(skip)
        self._skip = _either(self.skip) if self.skip else None
        self._globs = [tuple(_either([glob]) if glob else None for glob in alias[1:]) for alias in self.aliases]
        self.skips = lru_cache(maxsize=65536)(self._skips)
        self.alias = lru_cache(maxsize=65536)(self._alias)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rules) and (self.aliases, self.skip) == (other.aliases, other.skip)

    def __hash__(self) -> int:
        return hash((self.aliases, self.skip))

    def _skips(self, function: str) -> bool:
        """Whether a channel that is made in this function is its caller's. Of reflection, always."""
        if function in _PASSING_ON:
            return True
        return bool(self._skip and self._skip.fullmatch(function)) and package_of(function) not in _TELLING

    def _alias(self, place: str, element_type: str) -> str | None:
        """The name that the user has for it, "" for none. place: `pkg.Func file.go:line`.

        Either may be "", not known. None: what is not known would decide.
        """
        function, _, line = place.partition(" ")
        known = ((place, line), (function,), (element_type,))
        for alias, globs in zip(self.aliases, self._globs, strict=True):
            asked = [(glob, texts) for glob, texts in zip(globs, known, strict=True) if glob]
            unknown = [glob for glob, texts in asked if not texts[0]]
            if all(any(map(glob.fullmatch, texts)) for glob, texts in asked if texts[0]):
                return None if unknown else alias.name
        return ""


def _either(globs: Iterable[str]) -> re.Pattern[str]:
    parts = ("".join({"*": ".*", "?": "."}.get(c) or re.escape(c) for c in re.sub(r"\*+", "*", glob)) for glob in globs)
    return re.compile("|".join(parts), re.DOTALL)
