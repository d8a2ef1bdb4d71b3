"""The shipped Collector configurations, as text and as a graph; tests/e2e runs them for real."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / "collector-config"
SHIPPED = sorted(path.name for path in FOLDER.glob("*.yaml"))
COLLECTOR = [name for name in SHIPPED if name != "prometheus.yaml"]
KINDS = ("receivers", "processors", "exporters", "connectors", "extensions")
# Aliases that Collector 0.154 still takes with a warning (renamed in collector-contrib issue 45339).
OLD_NAMES = {"otlphttp", "k8sattributes", "resourcedetection", "loadbalancing", "prometheusremotewrite", "spanmetrics"}


def load(name: str) -> dict[str, Any]:
    config = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(config, dict)
    return config


def variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{env:([A-Z0-9_]+)", text))


def used(config: dict[str, Any]) -> dict[str, set[str]]:
    """Component names by kind, as the service section names them."""
    service = config["service"]
    found = {kind: set() for kind in KINDS} | {"extensions": set(service.get("extensions", []))}
    for pipeline in service["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            found[kind] |= set(pipeline.get(kind, []))
    return found


def test_there_is_a_configuration_for_one_machine() -> None:
    """standalone.yaml and the Prometheus configuration that goes with it are shipped."""
    assert {"standalone.yaml", "prometheus.yaml"} <= set(SHIPPED)


@pytest.mark.parametrize("name", COLLECTOR)
def test_memory_limiter_is_first_in_every_pipeline(name: str) -> None:
    """Nothing is held in memory before the limiter has had a chance to refuse it."""
    pipelines = load(name)["service"]["pipelines"]
    assert {key: pipeline["processors"][0] for key, pipeline in pipelines.items()} == dict.fromkeys(
        pipelines, "memory_limiter"
    )


@pytest.mark.parametrize("name", COLLECTOR)
def test_memory_limiter_checks(name: str) -> None:
    """check_interval is set: its default of 0s means that the limiter never looks."""
    assert load(name)["processors"]["memory_limiter"]["check_interval"] == "1s"


@pytest.mark.parametrize("name", COLLECTOR)
def test_every_component_that_is_used_is_defined_and_every_one_defined_is_used(name: str) -> None:
    """The service section and the component sections name the same components."""
    config = load(name)
    connectors = set(config.get("connectors", {}))
    defined = {kind: set(config.get(kind, {})) for kind in KINDS if kind != "connectors"}
    named = {kind: names - connectors for kind, names in used(config).items() if kind != "connectors"}
    assert named == defined
    assert connectors == connectors & used(config)["receivers"] & used(config)["exporters"]


@pytest.mark.parametrize("name", COLLECTOR)
def test_the_receiver_is_called_otlp_otelchan(name: str) -> None:
    """Its name tells otelchan's data apart in the Collector's own metrics."""
    assert "otlp/otelchan" in load(name)["receivers"]


@pytest.mark.parametrize("name", COLLECTOR)
def test_no_component_has_an_old_name_and_none_is_the_batch_processor(name: str) -> None:
    """Renamed components are used under their new names, and exporters batch instead of a processor."""
    config = load(name)
    types = {component.split("/")[0] for kind in KINDS for component in config.get(kind, {})}
    assert types & (OLD_NAMES | {"batch"}) == set()
    assert "otlp" not in {exporter.split("/")[0] for exporter in config["exporters"]}


@pytest.mark.parametrize("name", COLLECTOR)
def test_every_network_exporter_queues_batches_and_retries(name: str) -> None:
    """An outage of a back end shorter than five minutes loses nothing that fits the queue."""
    for exporter, settings in load(name)["exporters"].items():
        if exporter.startswith("otlp"):
            assert "batch" in settings["sending_queue"], exporter
            assert settings["retry_on_failure"]["max_elapsed_time"] == "300s", exporter


@pytest.mark.parametrize("name", COLLECTOR)
def test_listeners_are_on_loopback_unless_a_variable_says_otherwise(name: str) -> None:
    """No default of a shipped file opens a port to the network."""
    config = load(name)
    endpoints = [protocol["endpoint"] for protocol in config["receivers"]["otlp/otelchan"]["protocols"].values()]
    endpoints += [extension["endpoint"] for extension in config["extensions"].values() if "endpoint" in extension]
    assert [e for e in endpoints if not re.fullmatch(r"\$\{env:[A-Z_]+:-127\.0\.0\.1:\d+\}", e)] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_every_line_is_explained(name: str) -> None:
    """Each line carries a comment that is more than a word, or is one."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    bare = [f"{number}: {line}" for number, line in enumerate(lines, 1) if line.strip() and not explained(line)]
    assert bare == []


def explained(line: str) -> bool:
    _, mark, comment = line.partition("#")
    return mark == "#" and (line.lstrip().startswith("#") or len(comment.strip()) >= 8)


@pytest.mark.parametrize("name", COLLECTOR)
def test_every_variable_is_in_the_readme(name: str) -> None:
    """The README's table has each environment variable of the file, with the default that the file gives it."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    for variable, default in re.findall(r"\$\{env:([A-Z0-9_]+):-([^}]*)\}", text):
        assert f"| `{variable}` | `{default}` |" in table, variable
    without_default = variables(text) - {found for found, _ in re.findall(r"\$\{env:([A-Z0-9_]+)(:-)", text)}
    assert without_default == set()


def test_every_file_is_in_the_readme() -> None:
    """A file that is added without saying when to use it is found here."""
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in SHIPPED if f"| `{name}` |" not in table] == []


def test_the_tests_collector_has_every_component_that_a_file_names() -> None:
    """A component that the built Collector lacks would only be found when the end-to-end tests start it."""
    manifest = (REPO / "scripts/stack.d/otelcol/builder.yaml").read_text(encoding="utf-8")
    built = {
        module.removesuffix(kind)
        for module, kind in re.findall(r"/([a-z0-9]+?)(receiver|processor|exporter|extension) v", manifest)
    }
    built |= {module for module in re.findall(r"/([a-z0-9]+) v", manifest)}
    for name in COLLECTOR:
        config = load(name)
        types = {component.split("/")[0].replace("_", "") for kind in KINDS for component in config.get(kind, {})}
        modules = {"otlpgrpc": "otlp"}
        assert {modules.get(t, t) for t in types} - built == set()


def test_prometheus_does_not_promote_what_changes_with_every_restart() -> None:
    """process.pid as a label would make new series at each restart of a program; service.instance.id is enough."""
    promoted = load("prometheus.yaml")["otlp"]["promote_resource_attributes"]
    assert [name for name in promoted if name.startswith(("process.", "container.", "service."))] == []
