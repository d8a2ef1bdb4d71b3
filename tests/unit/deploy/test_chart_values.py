"""What can be said of the chart without Helm: its schema is up to date, its files are links, its README is right."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from scripts import chart

REPO = chart.REPO


def test_the_schema_of_the_values_is_up_to_date() -> None:
    """With the configuration that otelchan takes now."""
    assert chart.schema() == chart.SCHEMA.read_text(encoding="utf-8"), "run `.venv/bin/python scripts/chart.py schema`"


def _patterns(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [pattern for each in schema for pattern in _patterns(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
    return own + [pattern for each in schema.values() for pattern in _patterns(each)]


def test_the_schema_says_of_settings_what_otelchan_says() -> None:
    """It is a right schema, and has every pattern of the configuration."""
    made = json.loads(chart.SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(made)
    theirs = json.loads((REPO / "docs/config.schema.json").read_text(encoding="utf-8"))
    del theirs["properties"]["status"]
    assert len(_patterns(theirs)) == len(_patterns(made["properties"]["config"]))


def test_there_is_no_second_copy_of_a_file_in_the_chart() -> None:
    """Dashboards, alerts and Collector configurations are links to where they are made; none is forgotten."""
    files = {path for path in (chart.CHART / "files").rglob("*") if not path.is_dir()}
    assert [] == sorted(str(path) for path in files if not path.is_symlink())
    expected = {*(REPO / "dashboards").glob("*.json"), *(REPO / "dashboards/alerts").glob("*.yaml")}
    expected |= {REPO / "collector-config/agent.yaml", REPO / "collector-config/sidecar.yaml"}
    assert expected == {path.resolve() for path in files}


def _paths(values: Any, prefix: str = "") -> set[str]:
    if not isinstance(values, dict):
        return set()
    return {path for name, each in values.items() for path in {prefix + name} | _paths(each, f"{prefix}{name}.")}


def test_the_readme_names_values_that_are_there() -> None:
    """In code spans, and after --set. status.hostIP is a field of Kubernetes."""
    text = (chart.CHART / "README.md").read_text(encoding="utf-8")
    known = _paths(yaml.safe_load((chart.CHART / "values.yaml").read_text(encoding="utf-8")))
    known |= {"config.otlp.endpoint", "config.targets", "config.interval_s", "nodeAgent.seLinuxOptions.type"}
    tops = "|".join(name for name in known if "." not in name)
    named = set(re.findall(rf"\b((?:{tops})\.[A-Za-z_.]+[A-Za-z_])(?=[=`\s])", text)) - {
        "image.repository",
        "status.hostIP",
    }
    assert len(named) > 10
    assert [] == sorted(named - known)


def test_every_value_is_explained() -> None:
    """In values.yaml: by a comment in its line, or above it or its section."""
    lines = (chart.CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    tops = [number for number, line in enumerate(lines) if re.match(r"\w", line)]
    plain = {"image", "imagePullSecrets", "logLevel", "extraArgs", "extraVolumes", "extraVolumeMounts"}
    silent = [lines[number] for number in tops if "#" not in lines[number] and not lines[number - 1].startswith("#")]
    assert set() == {line.partition(":")[0] for line in silent} - plain


def test_plain_manifests_are_the_forms_that_their_readme_lists() -> None:
    """Each file, and no others."""
    files = {path.name for path in chart.PLAIN.glob("*.yaml")}
    assert {f"{name}.yaml" for name in chart.FORMS} == files
    text = (chart.PLAIN / "README.md").read_text(encoding="utf-8")
    assert files == set(re.findall(r"^\| `([\w-]+\.yaml)` \|", text, re.M))
