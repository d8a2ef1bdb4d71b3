"""deploy/compose.yaml as Docker Compose reads it, its page, and provisioning files as Grafana reads them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from compose_spec import PyCompose

REPO = Path(__file__).resolve().parents[2]
DEPLOY = REPO / "deploy"
PROVISIONING = REPO / "dashboards" / "provisioning"
_VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")
Json = dict[str, Any]


def text() -> str:
    """Of compose.yaml, without its whole-line comments."""
    lines = (DEPLOY / "compose.yaml").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def variables() -> dict[str, str]:
    """Environment variables that it takes, with their defaults. Every `$` must be one."""
    assert text().count("$") == len(_VARIABLE.findall(text())), "a $ without a default"
    return dict(_VARIABLE.findall(text()))


def compose() -> Json:
    """What it says when no variable is set."""
    found: Json = yaml.safe_load(_VARIABLE.sub(lambda each: each[2], text()))
    return found


def fault(content: Json) -> str:
    """What the Compose specification has against it, as the parser compose_spec reads that; "" when nothing."""
    try:
        PyCompose.from_json(json.dumps(content)).validate()
    except ValueError as error:
        return str(error)
    return ""


def mounts(service: Json) -> dict[str, str]:
    """Sources by the places in the container where they are."""
    found = {}
    for volume in service.get("volumes", []):
        source, target, *_ = volume.split(":")
        found[target] = source
    return found


def load(path: Path) -> Json:
    """A YAML file."""
    found: Json = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def provisioned(kind: str, environment: Mapping[str, str]) -> Json:
    """dashboards/provisioning/<kind>/otelchan.yaml with all texts filled in as Grafana does (pkg/services/provisioning/
    values: `$$` is a `$`, else names of the environment; what is not set is empty)."""
    found: Json = _filled(load(PROVISIONING / kind / "otelchan.yaml"), environment)
    return found


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, environment) for each in value]
    return "$".join(_expanded(part, environment) for part in value.split("$$")) if isinstance(value, str) else value


def _expanded(part: str, environment: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda found: environment.get(found[1] or found[2], ""), part)


def unexplained(path: Path) -> list[str]:
    """Lines that say something and do not say what it is for, in a comment at their end; the rest of a text that goes
    over several lines needs none."""
    found, inside = [], -1
    for line in path.read_text(encoding="utf-8").splitlines():
        depth = len(line) - len(line.lstrip())
        if inside >= 0 and depth > inside:
            continue
        inside = depth if re.search(r": >-( |$)", line) else -1
        if line.strip() and not line.startswith("#") and " # " not in line and not line.endswith("apiVersion: 1"):
            found.append(line)
    return found


def table(title: str) -> dict[str, list[str]]:
    """Rows of the table under a heading of deploy/compose.md, other cells by the first one, without backquotes."""
    readme = (DEPLOY / "compose.md").read_text(encoding="utf-8")
    section = readme.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]] for cells in rows[1:]}


def relative(path: str) -> Path:
    """Where a path in compose.yaml leads."""
    return Path(os.path.normpath(DEPLOY / path))
