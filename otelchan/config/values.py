"""One value: whether it is allowed, and what is said when it is not. Secrets are never shown."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from otelchan.config import endpoints, naming, objectives
from otelchan.config.leaves import Leaf
from otelchan.config.patterns import MASK, OFF, matches
from otelchan.errors import UsageError

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 100


def checked(leaf: Leaf, value: Any, text: bool) -> Any:
    """The value as the configuration holds it. text: it came as text, from a variable or a flag.

    Raises UsageError, a sentence without the place.
    """
    if leaf.off and (value is False or (isinstance(value, str) and matches(OFF, value.strip() if text else value))):
        return None  # YAML reads a bare `off` as false
    given = value
    if name_of(leaf) == "headers" and text and isinstance(value, str):
        value = _headers(value)
    elif text and isinstance(leaf.default, list) and isinstance(value, str):
        value = naming.of_text(name_of(leaf), value)
    if leaf.key == "objectives":
        value = objectives.of_yaml(value)
    if isinstance(value, float) and value.is_integer() and leaf.is_integer:
        value = int(value)  # 5.0 is a whole number, for JSON Schema too
    try:
        converted = msgspec.convert(value, leaf.type, strict=not text)
    except msgspec.ValidationError as error:
        place, reason = naming.reason(error) if isinstance(leaf.default, list) else ("", "")
        sentence = f"{leaf.key}{place}: {reason}; see docs/configuration.md" if place else wrong(leaf, given)
        raise UsageError(sentence) from None
    return converted


def wrong(leaf: Leaf, value: Any) -> str:
    """What is said about a value that is not allowed."""
    masked = MASK in (value.values() if isinstance(value, dict) else value if isinstance(value, str) else ())
    if masked and name_of(leaf) in ("endpoint", "headers"):
        return f"{leaf.key} has {MASK} where a secret was masked; write the secret there"
    return f"{leaf.key} is {_shown_in_words(leaf, value)}, but must be {leaf.allowed}; see docs/configuration.md"


def name_of(leaf: Leaf) -> str:
    """The last part of its key."""
    return leaf.key.rpartition(".")[2]


def shown(leaf: Leaf, value: Any) -> Any:
    """A value that is allowed, with every secret in it masked; "off" where None means that."""
    if value is None:
        return "off" if leaf.off else None
    if name_of(leaf) == "headers":
        return dict.fromkeys(value, MASK)
    if isinstance(value, tuple):  # what is not given of an entry is not shown
        return [{k: v for k, v in e.items() if v} if isinstance(e, dict) else e for e in msgspec.to_builtins(value)]
    if name_of(leaf) == "endpoint":
        return _masked(value)
    return value


def _masked(address: str) -> str:
    """Without what is before the @ and after the ?, where people put passwords and keys."""
    if not matches("^[A-Za-z]+://", address):
        return address
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    query = f"?{MASK}" if parts.query or parts.fragment else ""
    return f"{parts.scheme}://{MASK + at if user else ''}{host}{parts.path}{query}"


def _shown_in_words(leaf: Leaf, value: Any) -> str:
    if name_of(leaf) == "headers":
        return "given"
    if name_of(leaf) == "endpoint" and isinstance(value, str):
        value = endpoints.shown(value).partition("?")[0]
    if isinstance(value, list | dict):  # aliases can make gigabytes of a few lines
        return "a list" if isinstance(value, list) else "a mapping"
    return _short.repr(value)


def _headers(text: str) -> Mapping[str, str]:
    """name=value,name=value with percent-encoding (OpenTelemetry specification, protocol/exporter.md)."""
    headers: dict[str, str] = {}
    for number, part in enumerate(text.split(","), 1):
        name, equals, value = part.partition("=")
        if not part.strip():
            continue
        if not equals or not name.strip():
            raise UsageError(f"header {number} has no `=`; write name=value,name=value")
        headers[unquote(name.strip()).lower()] = unquote(value.strip())
    return headers
