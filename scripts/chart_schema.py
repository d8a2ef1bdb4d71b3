"""values.schema.json of the chart: types from the defaults in values.yaml, the configuration as otelchan has it.

A section of values.yaml takes the names that are there and no others, so that a typing error is refused. What
Kubernetes defines (resources, affinity and so on) is left to Kubernetes.
"""

from __future__ import annotations

import copy
import re
from typing import Any

Json = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_OPEN = {"annotations", "labels", "podAnnotations", "podLabels", "nodeSelector", "affinity", "seLinuxOptions",
         "resources", "collectorResources", "updateStrategy"}  # fmt: skip
"""Names whose content is Kubernetes'."""
_STRINGS = {"include", "exclude", "extraArgs"}
_QUANTITY = {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?([EPTGMk]i?)?$"}
_PORT = {"type": "integer", "minimum": 1024, "maximum": 65535}  # below it takes CAP_NET_BIND_SERVICE
_SPECIAL: dict[str, Json] = {
    "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "logLevel": {"enum": ["debug", "info", "warning", "error"]},
    "status.address": {"type": "string", "pattern": r"^([0-9.]+|\[[0-9A-Fa-f:]+\])$"},
    "status.port": _PORT,
    "nodeAgent.lockFolder": {"type": "string", "pattern": "^(/.+)?$"},
    "nodeAgent.appArmorProfile": {"enum": ["Unconfined", "RuntimeDefault", ""]},
    "nodeAgent.extraCapabilities": {
        "type": "array",
        "uniqueItems": True,
        "items": {"enum": ["SYS_NICE", "SYS_ADMIN"], "description": "without CAP_, as Kubernetes writes them"},
    },
    "nodeAgent.cacheSize": _QUANTITY,
    "nodeAgent.dumpSize": _QUANTITY,
    "priorityClass.value": {"type": "integer", "minimum": -2147483648, "maximum": 1000000000},
    "collector.gateway.endpoint": {"type": "string", "pattern": "^[^/ ]+:[0-9]+$", "description": "host:port"},
    "collector.memoryLimitMib": {"type": "integer", "minimum": 64},
    "serviceMonitor.interval": {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"},
    "prometheusRule.grafanaUrl": {"type": "string", "pattern": "^https?://[^ ]+$"},
    "sidecarExample.collector": {"enum": ["container", "operator"]},
}


def values_schema(defaults: Json, config: Json) -> Json:
    """The schema of all values. config: docs/config.schema.json."""
    made = _section(defaults, "")
    made["properties"]["config"] = _without_listening(_for_go(config))
    made["properties"]["global"] = {"type": "object", "description": "Helm gives it to a chart in a chart."}
    return {"$schema": DRAFT, "title": "Values of the chart otelchan", **made}


def _section(values: Json, prefix: str) -> Json:
    properties = {name: _value(name, value, prefix + name) for name, value in values.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _value(name: str, value: Any, path: str) -> Json:
    if path in _SPECIAL:
        return _SPECIAL[path]
    if isinstance(value, dict):
        return {"type": "object"} if name in _OPEN else _section(value, f"{path}.")
    if isinstance(value, list):
        return {"type": "array", "items": {"type": "string" if name in _STRINGS else "object"}}
    kinds: dict[type, str] = {bool: "boolean", int: "integer", str: "string"}
    return {"type": kinds[type(value)]}


def _for_go(value: Any) -> Any:
    """With patterns as Go's regular expressions say them (RE2), which Helm checks with."""
    if isinstance(value, list):
        return [_for_go(each) for each in value]
    if isinstance(value, dict):
        return {
            key: _re2(each) if key == "pattern" else _for_go(each) for key, each in value.items() if key != "$schema"
        }
    return value


def _re2(pattern: Any) -> Any:
    """Without lookahead: that a header or an endpoint is not the mask `***` is left to otelchan to say."""
    if not isinstance(pattern, str):  # a property that is called so
        return _for_go(pattern)
    for lookahead in (r"(?!\n)", r"(?!.*\*\*\*)", r"(?!\*\*\*$)"):  # the first is not needed: $ is the end in Go
        pattern = pattern.replace(lookahead, "")
    return re.sub(r"\\u([0-9A-Fa-f]{4})", _hexadecimal, pattern)


def _hexadecimal(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return f"\\x{number:02x}" if number < 256 else f"\\x{{{number:x}}}"


def _without_listening(config: Json) -> Json:
    """Where the agent listens is a value of the chart, since the probes must know it."""
    made = copy.deepcopy(config)
    status = made["properties"]["status"]
    for name in ("listen", "anywhere"):
        del status["properties"][name]
    del status["allOf"]
    return made
