"""What a process says about itself in the environment that it was started with; nothing else of it is looked at.

OpenTelemetry specification 1.60, configuration/sdk-environment-variables.md and resource/sdk.md: OTEL_SERVICE_NAME, and
OTEL_RESOURCE_ATTRIBUTES in the format of W3C Baggage. That is what a program's own SDK calls it, and what the
OpenTelemetry operator writes from the pod; programs without an SDK have it too where it is set for a whole cluster.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from otelchan.target.proc import beginning

SERVICE_NAME, RESOURCE_ATTRIBUTES = "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"

ATTRIBUTES = (
    "service.namespace",
    "service.version",
    "deployment.environment.name",
    "k8s.cluster.name",
    "k8s.node.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.container.name",
    "k8s.deployment.name",
    "k8s.replicaset.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.job.name",
    "k8s.cronjob.name",
)
"""Those that are taken: who a program is and where it runs. Not service.instance.id, which forks have in common."""

_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_LONGEST = 255
_MOST = 6 << 20  # bytes of arguments and environment that exec takes: fs/exec.c of Linux, 3/4 of _STK_LIM
_LONGEST_VARIABLE = 1 << 17  # MAX_ARG_STRLEN of include/uapi/linux/binfmts.h, with pages of 4 KiB
Pairs = tuple[tuple[str, str], ...]


class Said(NamedTuple):
    """service_name: "" when none is said. attributes: of ATTRIBUTES, in that order."""

    service_name: str = ""
    attributes: Pairs = ()


def said(folder: Path) -> Said:
    """What the process of a folder of /proc says of itself. Raises OSError."""
    environ = beginning(folder / "environ", _MOST)
    given = _attributes(_variable(environ, RESOURCE_ATTRIBUTES))
    name = _variable(environ, SERVICE_NAME).decode(errors="replace")
    name = name if name and _is_name(name) else given.get("service.name", "")
    return Said(name, tuple((key, given[key]) for key in ATTRIBUTES if given.get(key)))


def _variable(environ: bytes, name: str) -> bytes:
    """The value of one; of one that is there twice the first, as getenv has it. b"" for none, and for one that is
    longer than exec lets it be."""
    mark = f"{name}=".encode()
    start = 0 if environ.startswith(mark) else environ.find(b"\0" + mark) + 1
    if not start and not environ.startswith(mark):
        return b""
    value, end, _ = environ[start : start + _LONGEST_VARIABLE].removeprefix(mark).partition(b"\0")
    return value if end or len(value) < _LONGEST_VARIABLE - len(mark) else b""


def _attributes(text: bytes) -> Mapping[str, str]:
    """As specified: if a part cannot be decoded, all of it is discarded. A value that no name has is left out."""
    found: dict[str, str] = {}
    try:
        for pair in filter(None, (part.strip() for part in text.split(b","))):
            key, equals, value = pair.partition(b"=")
            if not equals or _PERCENT.search(value):
                return {}
            found[key.strip().decode()] = unquote_to_bytes(value.strip()).decode()
    except UnicodeDecodeError:
        return {}
    return {key: value for key, value in found.items() if _is_name(value)}


def _is_name(value: str) -> bool:
    return len(value) <= _LONGEST and value.isprintable()
