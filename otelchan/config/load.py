"""From files, variables and flags to a Config. Precedence, weakest first: built-in, file, OTEL_*, OTELCHAN_*, flags."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from otelchan.config import endpoints, status, values
from otelchan.config.given import Given
from otelchan.config.leaves import LEAVES
from otelchan.config.otel import from_otel
from otelchan.config.settings import Config
from otelchan.errors import UsageError

if TYPE_CHECKING:  # YAML takes 2 MB, and most agents have no file
    from otelchan.config import document

log = logging.getLogger("otelchan.config")

BUILT_IN = "built-in"


class Loaded(NamedTuple):
    """The settings, and where each comes from that is not built in: a place in the file, a variable or a flag.

    path: of the file, "" without one.
    """

    config: Config
    sources: Mapping[str, str]
    path: str


def environment() -> Mapping[str, str]:
    """This process's environment: the one place where it is read."""
    return dict(os.environ)


def load(path: str | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> Config:
    """The settings from all sources, see resolve."""
    return resolve(path, environ, flags).config


def resolve(path: str | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> Loaded:
    """The settings from all sources. flags: by dotted key ("otlp.endpoint"); None: not given.

    Raises UsageError, naming the key, the value and what is allowed, or an unknown key and the nearest known one. The
    whole file must be right, also where something stronger replaces what it says.
    """
    environ = {name: value for name, value in environ.items() if value.strip()}  # empty is unset
    path = path or environ.get("OTELCHAN_CONFIG") or ""
    given = _from_file(path) if path else {}
    given.update(from_otel(environ))
    given.update(_from_own(environ))
    for key, value in flags.items():
        if value is not None:
            leaf = LEAVES.get(key)
            if leaf is None:
                from otelchan.config import document

                raise UsageError(f"flags: {document.unknown(key)}")
            given[key] = Given(value, f"flag {leaf.flag}", isinstance(value, str))
    config = combined(given)
    for key in endpoints.not_urls(config.otlp):
        raise UsageError(f"{given[key].where}: {values.wrong(LEAVES[key], given[key].value)}")
    if sentence := status.refused(config.status):
        raise UsageError(f"{given['status.listen'].where}: {sentence}")
    for doubt in endpoints.doubts(config.otlp):
        log.warning("%s", doubt)
    return Loaded(config, {key: item.where for key, item in given.items()}, path)


def problems(path: str) -> list[str]:
    """Everything that is wrong in a file by itself, as sentences that begin with file and line, in order of lines.

    Raises UsageError when the file cannot be read.
    """
    from otelchan.config import document

    given, found = _checked_file(path)
    if not found:  # what settings mean together can be said when each is right
        by_itself = combined({key: Given(entry.value, "", False) for key, entry in given.items()})
        for key in dict.fromkeys(endpoints.not_urls(by_itself.otlp)):
            found.append(document.Problem(given[key].line, values.wrong(LEAVES[key], given[key].value)))
        if sentence := status.refused(by_itself.status):
            found.append(document.Problem(given["status.listen"].line, sentence))
    return [f"{path}:{problem.line}: {problem.sentence}" for problem in sorted(found)]


def _checked_file(path: str) -> tuple[dict[str, document.Entry], list[document.Problem]]:
    from otelchan.config import document

    entries, found = document.read(path)
    for entry in entries:
        try:
            values.checked(LEAVES[entry.key], entry.value, text=False)
        except UsageError as error:
            found.append(document.Problem(entry.line, str(error)))
    return {entry.key: entry for entry in entries}, found


def _from_file(path: str) -> dict[str, Given]:
    entries, found = _checked_file(path)
    if found:
        first, *others = sorted(found)
        more = f" (and {len(others)} more: `otelchan config validate {path}`)" if others else ""
        raise UsageError(f"{path}:{first.line}: {first.sentence}{more}")
    return {key: Given(entry.value, f"{path}:{entry.line}", False) for key, entry in entries.items()}


def combined(given: Mapping[str, Given]) -> Config:
    """The built-in values with these. Raises UsageError for the first that is not allowed."""
    nested: dict[str, Any] = {}
    for key, item in given.items():
        *sections, name = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        try:
            place[name] = values.checked(LEAVES[key], item.value, item.text)
        except UsageError as error:
            raise UsageError(f"{item.where}: {error}") from None
    return msgspec.convert(nested, Config)


def _from_own(environ: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    by_variable = {leaf.variable: leaf for leaf in LEAVES.values()}
    for variable, value in environ.items():
        if variable in by_variable:
            yield by_variable[variable].key, Given(value, variable, True)
        elif variable.startswith("OTELCHAN_"):
            # Not an error: Kubernetes itself sets OTELCHAN_SERVICE_HOST and the like in every pod.
            near = difflib.get_close_matches(variable, by_variable, n=1, cutoff=0.85)
            if near:
                log.warning("the environment variable %s is not known; was %s meant?", variable, near[0])
