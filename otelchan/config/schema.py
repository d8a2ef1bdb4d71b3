"""The configuration file as JSON Schema (draft 2020-12), for editors and for checks without otelchan."""

from __future__ import annotations

from typing import Any

import msgspec

from otelchan.config import naming
from otelchan.config.leaves import LEAVES, Leaf
from otelchan.config.patterns import LOOPBACK, OFF, URL

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TITLE = "otelchan configuration"
_NULL = {"type": "null"}
# Only with `anywhere` may `listen` be an address that others reach.
_STATUS_RULE = {
    "if": {"not": {"properties": {"anywhere": {"const": True}}, "required": ["anywhere"]}},
    "then": {"properties": {"listen": {"anyOf": [{"pattern": f"{LOOPBACK}|{OFF}"}, {"not": {"type": "string"}}]}}},
}


def schema() -> dict[str, Any]:
    """The whole schema. A setting or section without a value, null, is not given. `unit` and `reload` are annotations:
    the unit of a number; whether a change takes effect in a running agent at SIGHUP."""
    root = _section()
    for leaf in LEAVES.values():
        *sections, name = leaf.key.split(".")
        place = root
        for section in sections:
            place = place["properties"].setdefault(section, _section())
        place["properties"][name] = _setting(leaf)
    root["properties"]["otlp"]["allOf"] = [rule for signal in ("metrics", "traces") for rule in _endpoint_rules(signal)]
    root["properties"]["status"]["allOf"] = [_STATUS_RULE]
    return {"$schema": DRAFT, "title": _TITLE, **root}


def _section() -> dict[str, Any]:
    return {"type": ["object", "null"], "additionalProperties": False, "properties": {}}


def _setting(leaf: Leaf) -> dict[str, Any]:
    described = naming.described(dict(msgspec.json.schema(leaf.type)))
    described.pop("description")
    kinds = [kind for kind in described.pop("anyOf", [described]) if kind != _NULL]
    if leaf.off:
        kinds += [{"const": False, "description": "a bare `off` in YAML 1.1"}, {"type": "string", "pattern": OFF}]
    made: dict[str, Any] = {"description": f"{leaf.text} Allowed: {leaf.allowed}.", "anyOf": [*kinds, _NULL]}
    if leaf.default is not None:
        made["default"] = leaf.default
    if leaf.unit:
        made["unit"] = leaf.unit
    return {**made, "reload": leaf.reload}


def _endpoint_rules(signal: str) -> list[dict[str, Any]]:
    """Only for gRPC may an address be host:port: that of the signal, and the one for both where it has none."""
    grpc = {"properties": {"protocol": {"const": "grpc"}}, "required": ["protocol"]}
    own_grpc = _of(signal, grpc)
    spoken = {"anyOf": [own_grpc, {"allOf": [grpc, {"not": _of(signal, _has("protocol"))}]}]}
    url = {"properties": {"endpoint": {"anyOf": [{"pattern": URL}, _NULL]}}}
    base_used = {"not": _of(signal, _has("endpoint"))}
    return [
        {"if": {"not": spoken}, "then": {"properties": {signal: url}}},
        {"if": {"allOf": [{"not": spoken}, base_used]}, "then": url},
    ]


def _of(section: str, condition: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {section: {"type": "object", **condition}}, "required": [section], "type": "object"}


def _has(name: str) -> dict[str, Any]:
    return {"properties": {name: {"not": _NULL}}, "required": [name]}
