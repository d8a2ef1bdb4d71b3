"""The Helm chart as the tests see it: what it renders, what Kubernetes' own schemas say of that, and objects in it."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import yaml
from jsonschema import Draft202012Validator

from scripts import chart
from scripts.stack import find_go
from tests.support.stack import binary

Json = dict[str, Any]

VERSIONS = tuple(f"1.{minor}.0" for minor in range(29, 38))
"""Kubernetes that the chart is for; the newest is the newest that kubernetes-validate 1.37.0 has."""
CUSTOM = {"OpenTelemetryCollector", "PrometheusRule", "ServiceMonitor"}
"""Kinds that Kubernetes does not define."""
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"


@functools.cache
def _rendered(name: str, settings: tuple[str, ...], kubernetes: str) -> str:
    binary("helm")
    return chart.render(chart.ci_values(name), *settings, kubernetes=kubernetes)


def rendered(name: str, *settings: str, kubernetes: str = chart.KUBERNETES) -> list[Json]:
    """The objects of a form, with values as after --set; each time new, so that a test may change them."""
    return chart.objects(_rendered(name, settings, kubernetes))


def plain(name: str) -> list[Json]:
    """The objects of a file in deploy/kubernetes."""
    return chart.objects((chart.PLAIN / f"{name}.yaml").read_text(encoding="utf-8"))


def refused(*settings: str) -> str:
    """Why the chart does not take values; "" when it does."""
    binary("helm")
    try:
        chart.render(None, *settings)
    except chart.ChartError as error:
        return str(error)
    return ""


def one(objects: list[Json], kind: str, name: str | None = None) -> Json:
    """The object of that kind, or of that kind and name."""
    (found,) = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return found


def pod_specs(objects: list[Json]) -> Iterator[tuple[str, Json]]:
    """Kind and name of each workload, and its pod's spec."""
    for each in objects:
        if each["kind"] in ("DaemonSet", "Deployment"):
            yield f"{each['kind']}/{each['metadata']['name']}", each["spec"]["template"]["spec"]


def containers(spec: Json) -> dict[str, Json]:
    """Of a pod, by name, init containers too."""
    return {each["name"]: each for each in [*spec.get("initContainers", []), *spec["containers"]]}


def schema_faults(objects: list[Json], kubernetes: str) -> list[str]:
    """What Kubernetes' schemas of that version find, unknown fields included: the first fault of each object."""
    texts = [json.dumps(each, sort_keys=True) for each in objects if each["kind"] not in CUSTOM]
    return [fault for text in texts if (fault := _schema_fault(text, kubernetes))]


@functools.cache  # forms have objects in common, and each look takes 0.1 s
def _schema_fault(text: str, kubernetes: str) -> str:
    each = json.loads(text)
    try:
        kubernetes_validate.validate(each, kubernetes, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return f"{each['kind']} on {kubernetes}: {error!r:.300}"
    return ""


@functools.cache
def _operator_folder() -> Path:
    done = subprocess.run(
        [find_go(), "mod", "download", "-json", PROMETHEUS_OPERATOR], capture_output=True, text=True, check=True
    )
    return Path(json.loads(done.stdout)["Dir"])


@functools.cache
def _custom_validator(kind: str) -> Draft202012Validator:
    folder = _operator_folder() / "example/prometheus-operator-crd"
    text = (folder / f"monitoring.coreos.com_{kind.lower()}s.yaml").read_text(encoding="utf-8")
    (version,) = yaml.safe_load(text)["spec"]["versions"]
    schema = _closed(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return Draft202012Validator(schema)


def _closed(schema: Any) -> Any:
    """With fields that are not named refused, which Kubernetes would drop without a word."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(each) for key, each in schema.items()}
    if isinstance(made.get("properties"), dict) and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("pattern", None)  # it is meant for the string
    return made


def custom_faults(each: Json) -> list[str]:
    """What the Prometheus operator's own definition of its kinds finds in one of them."""
    errors = _custom_validator(each["kind"]).iter_errors(each)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]
