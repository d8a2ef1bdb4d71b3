"""What collector-config/README.md says in a form that can be held against what is true: tables and manifests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "collector-config"
COLLECTORS = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "prometheus.yaml")


def readme() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def variables(name: str) -> dict[str, str]:
    """The environment variables of a file, outside of whole-line comments, with their defaults."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    with_default = dict(re.findall(r"\$\{env:([A-Z0-9_]+):-([^}]*)\}", text))
    without = {each for each in re.findall(r"\$\{env:([A-Z0-9_]+)", text) if each not in with_default}
    assert without == set(), f"{name}: {without} have no default"
    return with_default


def required_variables(name: str) -> set[str]:
    """Those that a file names itself (node_from_env_var), without which the Collector does not start."""
    return set(re.findall(r"node_from_env_var: ([A-Z0-9_]+)", (FOLDER / name).read_text(encoding="utf-8")))


def memory_limit_mib(name: str) -> int:
    """What a container with that file should be given, from the table of files."""
    row = next(line for line in readme().splitlines() if line.startswith(f"| `{name}` |"))
    found = re.search(r"\| (\d+) MiB", row)
    assert found, f"no memory in the row of {name}: {row}"
    return int(found[1])


def manifests() -> list[dict[str, Any]]:
    """Every Kubernetes object in a yaml block."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", readme(), re.MULTILINE | re.DOTALL)
    objects = [each for block in blocks for each in yaml.safe_load_all(block)]
    return [each for each in objects if isinstance(each, dict) and "kind" in each]


def manifest(kind: str, name: str) -> dict[str, Any]:
    """The one of that kind and name."""
    (found,) = [each for each in manifests() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def rules() -> list[dict[str, list[str]]]:
    """What the ClusterRole for agent.yaml permits."""
    found: list[dict[str, list[str]]] = manifest("ClusterRole", "otelchan-collector")["rules"]
    return found


def container(manifest_: dict[str, Any], name: str) -> dict[str, Any]:
    """A container of a workload or a pod."""
    spec = manifest_["spec"].get("template", manifest_)["spec"]
    found: dict[str, Any] = next(each for each in spec["containers"] if each["name"] == name)
    return found
