"""From files, variables and flags to a Config. Precedence, weakest first: built-in, file, OTEL_*, OTELCHAN_*, flags."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
import yaml

from otelchan.config.settings import LEAVES, Config, Leaf
from otelchan.errors import UsageError

log = logging.getLogger("otelchan.config")


class _Given(NamedTuple):
    """A value as it was given. where: for the error sentence. text: it came as text, from a variable or a flag."""

    value: Any
    where: str
    text: bool


# OpenTelemetry specification, protocol/exporter.md and configuration/sdk-environment-variables.md.
_OTLP_VARIABLES = {
    "ENDPOINT": "endpoint",
    "HEADERS": "headers",
    "PROTOCOL": "protocol",
    "COMPRESSION": "compression",
    "TIMEOUT": "timeout_s",
    "CERTIFICATE": "certificate",
    "CLIENT_CERTIFICATE": "client_certificate",
    "CLIENT_KEY": "client_key",
}
_SECRET = ("headers",)
_SHORT_TIMEOUT_MS = 500


def environment() -> Mapping[str, str]:
    """This process's environment: the one place where it is read."""
    return dict(os.environ)


def load(path: str | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> Config:
    """The settings from all sources. flags: by dotted key ("otlp.endpoint"); None: not given.

    Raises UsageError, naming the key, the value and what is allowed, or an unknown key and the nearest known one.
    """
    environ = {name: value for name, value in environ.items() if value.strip()}  # empty is unset
    given: dict[str, _Given] = {}
    path = path or environ.get("OTELCHAN_CONFIG")
    if path:
        given.update(_from_file(path))
    given.update(_from_otel(environ))
    given.update(_from_own(environ))
    for key, value in flags.items():
        if value is not None:
            given[_known(key, "flags")] = _Given(value, "flag", isinstance(value, str))
    values = {key: _value(LEAVES[key], item) for key, item in given.items()}
    _warn_grpc_port(values)
    return msgspec.convert(_nested(values), Config)


def _from_file(path: str) -> dict[str, _Given]:
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageError(f"cannot read the configuration file {path}: {reason}; give another --config") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise UsageError(f"{path}{line}: {problem}; the configuration file must be YAML") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"{path}: the configuration file must be a mapping of settings, see docs/configuration.md")
    return {key: _Given(value, path, False) for key, value in _flattened(document, path) if value is not None}


def _flattened(document: Mapping[Any, Any], path: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    sections = {key.rpartition(".")[0] for key in LEAVES} - {""}
    for name, value in document.items():
        key = f"{prefix}{name}"
        if key in sections:
            if value is not None and not isinstance(value, dict):
                raise UsageError(f"{path}: {key} is {value!r}, but it must be a mapping of settings")
            yield from _flattened(value or {}, path, f"{key}.")
        else:
            yield _known(key, path), value


def _known(key: str, where: str) -> str:
    if key in LEAVES:
        return key
    near = difflib.get_close_matches(key, LEAVES, n=1, cutoff=0.0)
    raise UsageError(f"{where}: unknown setting {key}; the nearest known one is {near[0]}, see docs/configuration.md")


def _from_otel(environ: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    for signal, section in (("", "otlp."), ("METRICS_", "otlp.metrics."), ("TRACES_", "otlp.traces.")):
        for suffix, name in _OTLP_VARIABLES.items():
            variable = f"OTEL_EXPORTER_OTLP_{signal}{suffix}"
            if variable in environ:
                value: Any = environ[variable]
                if suffix == "TIMEOUT":
                    value = _seconds(variable, value)
                yield section + name, _Given(value, variable, True)
    if "OTEL_METRIC_EXPORT_INTERVAL" in environ:
        variable = "OTEL_METRIC_EXPORT_INTERVAL"
        yield "interval_s", _Given(_milliseconds(variable, environ[variable]) / 1000, variable, True)
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield "otlp.enabled", _Given(False, "OTEL_SDK_DISABLED", False)


def _milliseconds(variable: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{variable} is {value!r}, but must be a number of milliseconds") from None


def _seconds(variable: str, value: str) -> float:
    milliseconds = _milliseconds(variable, value)
    if milliseconds < _SHORT_TIMEOUT_MS:
        log.warning(
            "%s=%s is read as milliseconds, as the OpenTelemetry specification says; if seconds were meant, as the "
            "Python SDK reads it, write %g",
            variable,
            value,
            milliseconds * 1000,
        )
    return milliseconds / 1000


def _from_own(environ: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    by_variable = {leaf.variable: leaf for leaf in LEAVES.values()}
    for variable, value in environ.items():
        if variable in by_variable:
            yield by_variable[variable].key, _Given(value, variable, True)
        elif variable.startswith("OTELCHAN_"):
            # Not an error: Kubernetes itself sets OTELCHAN_SERVICE_HOST and the like in every pod.
            near = difflib.get_close_matches(variable, by_variable, n=1, cutoff=0.85)
            if near:
                log.warning("the environment variable %s is not known; was %s meant?", variable, near[0])


def _value(leaf: Leaf, given: _Given) -> Any:
    value = given.value
    if leaf.key == "max_overhead" and (value is False or str(value).strip().lower() == "off"):
        return None  # YAML reads a bare `off` as false
    if leaf.key.endswith("protocol") and isinstance(value, str) and value.startswith("grpc"):
        raise UsageError(
            f"{given.where}: {leaf.key} is {value!r}, but only http/protobuf is supported so far; set "
            f"{leaf.variable}=http/protobuf and give the Collector's HTTP port, usually 4318"
        )
    if leaf.key.endswith("headers") and given.text and isinstance(value, str):
        value = _headers(value, given.where)
    try:
        converted = msgspec.convert(value, leaf.type, strict=not given.text)
    except msgspec.ValidationError:
        raise _wrong(leaf, given) from None
    if leaf.key.endswith("endpoint") and not _is_url(converted):
        raise _wrong(leaf, given)
    return converted


def _wrong(leaf: Leaf, given: _Given) -> UsageError:
    secret = leaf.key.rpartition(".")[2] in _SECRET
    shown = "given" if secret else repr(given.value)
    return UsageError(f"{given.where}: {leaf.key} is {shown}, but must be {leaf.allowed}; see docs/configuration.md")


def _headers(text: str, where: str) -> dict[str, str]:
    """name=value,name=value with percent-encoding (specification, protocol/exporter.md)."""
    headers: dict[str, str] = {}
    for number, part in enumerate(text.split(","), 1):
        name, equals, value = part.partition("=")
        if not part.strip():
            continue
        if not equals or not name.strip():
            raise UsageError(f"{where}: header {number} has no `=`; write name=value,name=value")
        headers[unquote(name.strip()).lower()] = unquote(value.strip())
    return headers


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _warn_grpc_port(values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if key.endswith("endpoint") and urlsplit(value).port == 4317:
            log.warning("%s is %s: port 4317 is usually for gRPC; OTLP over HTTP is usually on port 4318", key, value)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return nested
