"""The shipped Collector configurations, as text and as a graph; tests/e2e runs them for real."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.collector_readme import (
    COLLECTORS,
    FOLDER,
    container,
    manifest,
    manifests,
    memory_limit_mib,
    readme,
    required_variables,
    variables,
)

BUILDER = Path(__file__).resolve().parents[2] / "scripts/stack.d/otelcol/builder.yaml"
SHIPPED = sorted(path.name for path in FOLDER.glob("*.yaml"))
KINDS = ("receivers", "processors", "exporters", "connectors", "extensions")
# Aliases that Collector 0.154 still takes with a warning (renamed in collector-contrib issue 45339).
OLD_NAMES = {"otlphttp", "k8sattributes", "resourcedetection", "loadbalancing", "prometheusremotewrite", "spanmetrics"}


def load(name: str) -> dict[str, Any]:
    config = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(config, dict)
    return config


def used(config: dict[str, Any]) -> dict[str, set[str]]:
    """Component names by kind, as the service section names them."""
    service = config["service"]
    found = {kind: set() for kind in KINDS} | {"extensions": set(service.get("extensions", []))}
    for pipeline in service["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            found[kind] |= set(pipeline.get(kind, []))
    return found


def test_there_is_a_configuration_for_each_place() -> None:
    """One machine, a pod, a node, the gateway behind them, and the Prometheus configuration that goes with it."""
    assert ["agent.yaml", "gateway.yaml", "prometheus.yaml", "sidecar.yaml", "standalone.yaml"] == SHIPPED


@pytest.mark.parametrize("name", COLLECTORS)
def test_memory_limiter_is_first_wherever_data_comes_in(name: str) -> None:
    """Nothing is held in memory before the limiter has had a chance to refuse it. What comes from another pipeline has
    passed it already; refused there, it would be sent again and counted twice on its way."""
    config = load(name)
    pipelines = config["service"]["pipelines"]
    entries = [
        key for key, each in pipelines.items() if not set(each["receivers"]) <= set(config.get("connectors", {}))
    ]
    assert entries
    assert {key: pipelines[key]["processors"][0] for key in entries} == dict.fromkeys(entries, "memory_limiter")


@pytest.mark.parametrize("name", COLLECTORS)
def test_memory_limiter_checks(name: str) -> None:
    """check_interval is set: its default of 0s means that the limiter never looks."""
    assert load(name)["processors"]["memory_limiter"]["check_interval"] == "1s"


@pytest.mark.parametrize("name", COLLECTORS)
def test_every_component_that_is_used_is_defined_and_every_one_defined_is_used(name: str) -> None:
    """The service section and the component sections name the same components."""
    config = load(name)
    connectors = set(config.get("connectors", {}))
    defined = {kind: set(config.get(kind, {})) for kind in KINDS if kind != "connectors"}
    named = {kind: names - connectors for kind, names in used(config).items() if kind != "connectors"}
    assert named == defined
    assert connectors == connectors & used(config)["receivers"] & used(config)["exporters"]


@pytest.mark.parametrize("name", COLLECTORS)
def test_the_receiver_is_called_otlp_otelchan(name: str) -> None:
    """Its name tells otelchan's data apart in the Collector's own metrics."""
    assert "otlp/otelchan" in load(name)["receivers"]


@pytest.mark.parametrize("name", COLLECTORS)
def test_no_component_has_an_old_name_and_none_is_the_batch_processor(name: str) -> None:
    """Renamed components are used under their new names, and exporters batch instead of a processor."""
    config = load(name)
    types = {component.split("/")[0] for kind in KINDS for component in config.get(kind, {})}
    assert types & (OLD_NAMES | {"batch"}) == set()
    assert "otlp" not in {exporter.split("/")[0] for exporter in config["exporters"]}


@pytest.mark.parametrize("name", COLLECTORS)
def test_every_network_exporter_queues_batches_and_retries(name: str) -> None:
    """An outage of a back end shorter than five minutes loses nothing that fits the queue; a queue on disk may try for
    ever."""
    for exporter, settings in load(name)["exporters"].items():
        if exporter.startswith("otlp"):
            assert "batch" in settings["sending_queue"], exporter
            patience = {"300s", "0s"} if "storage" in settings["sending_queue"] else {"300s"}
            assert settings["retry_on_failure"]["max_elapsed_time"] in patience, exporter


@pytest.mark.parametrize("name", COLLECTORS)
def test_what_leaves_the_machine_is_protected(name: str) -> None:
    """An exporter whose default is not on loopback uses TLS unless a variable says otherwise."""
    for exporter, settings in load(name)["exporters"].items():
        if ":-127.0.0.1:" not in settings["endpoint"] and ":-http://127.0.0.1:" not in settings["endpoint"]:
            assert re.fullmatch(r"\$\{env:[A-Z_]+:-false\}", settings["tls"]["insecure"]), exporter


@pytest.mark.parametrize("name", COLLECTORS)
def test_no_pod_is_found_by_its_connection(name: str) -> None:
    """otelchan sends what it saw of others: the sender's address is never what the data is about."""
    for processor, settings in load(name).get("processors", {}).items():
        if processor.startswith("k8s_attributes"):
            sources = [source for each in settings["pod_association"] for source in each["sources"]]
            assert [("resource_attribute", "k8s.pod.uid"), ("resource_attribute", "container.id")] == [
                (source["from"], source["name"]) for source in sources
            ]
            assert settings["wait_for_metadata"] is True
            assert settings["filter"] == {"node_from_env_var": "K8S_NODE_NAME"}


def test_only_the_node_agent_asks_kubernetes() -> None:
    """A sidecar knows its pod from the environment, a gateway gets what is known."""
    asking = [name for name in COLLECTORS if any(p.startswith("k8s_attributes") for p in load(name)["processors"])]
    assert asking == ["agent.yaml"]


@pytest.mark.parametrize("name", COLLECTORS)
def test_listeners_are_on_loopback_unless_a_variable_says_otherwise(name: str) -> None:
    """No default of a shipped file opens a port to the network."""
    config = load(name)
    endpoints = [protocol["endpoint"] for protocol in config["receivers"]["otlp/otelchan"]["protocols"].values()]
    endpoints += [extension["endpoint"] for extension in config["extensions"].values() if "endpoint" in extension]
    own = config["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    assert own["host"] == "${env:OTELCHAN_COLLECTOR_METRICS_HOST:-127.0.0.1}"
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


@pytest.mark.parametrize("name", COLLECTORS)
def test_every_variable_is_in_the_readme(name: str) -> None:
    """The README's table has each environment variable of the file, with the default that the file gives it."""
    table = readme()
    for variable, default in variables(name).items():
        written = f"`{default}`" if default else "(empty)"
        assert f"| `{variable}` | {written} |" in table, variable
    assert [variable for variable in required_variables(name) if f"| `{variable}` |" not in table] == []


def test_every_variable_of_the_readme_is_in_a_file() -> None:
    """A variable that is renamed in the files is found in the README."""
    known = {variable for name in COLLECTORS for variable in [*variables(name), *required_variables(name)]}
    assert set(re.findall(r"^\| `([A-Z0-9_]{5,})` \|", readme(), re.MULTILINE)) == known


PODS = (("DaemonSet", "otelchan", "agent.yaml"), ("Pod", "shop", "sidecar.yaml"))


@pytest.mark.parametrize(("kind", "name", "file"), PODS)
def test_a_manifest_sets_what_its_file_takes(kind: str, name: str, file: str) -> None:
    """The Collector's container in the README starts that file, sets no variable in vain, leaves out none that has no
    default, and has the memory of the table; Go is told four fifths of the limiter's part of it."""
    found = container(manifest(kind, name), "collector")
    env = {each["name"]: each for each in found["env"]}
    assert found["args"] == [f"--config=/etc/otelcol/{file}"]
    assert set(env) - {"GOMEMLIMIT", "POD_IP"} <= set(variables(file)) | required_variables(file)
    assert required_variables(file) <= set(env)
    assert found["resources"]["limits"]["memory"] == f"{memory_limit_mib(file)}Mi"
    assert env["GOMEMLIMIT"]["value"] == f"{int(variables(file)['OTELCHAN_COLLECTOR_MEMORY_MIB']) * 4 // 5}MiB"


def test_manifests_name_the_collector_that_was_tested() -> None:
    """The image has the version of the Collector that `make stack` builds."""
    (version,) = re.findall(r"^  version: (\S+)$", BUILDER.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"image: otel/opentelemetry-collector\S*:(\S+)", readme())) == {version}


def test_manifests_fit_together() -> None:
    """What a manifest mounts it has a volume for, and whom a role is bound to is who runs."""
    for each in manifests():
        if each["kind"] in ("DaemonSet", "Pod"):
            spec = each["spec"].get("template", each)["spec"]
            mounted = {mount["name"] for c in spec["containers"] for mount in c.get("volumeMounts", [])}
            assert mounted == {volume["name"] for volume in spec["volumes"]}
    binding = manifest("ClusterRoleBinding", "otelchan-collector")
    account = manifest("ServiceAccount", "otelchan")["metadata"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", **account}]
    assert manifest("ClusterRole", binding["roleRef"]["name"])
    assert manifest("DaemonSet", "otelchan")["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]


def test_every_file_is_in_the_readme() -> None:
    """A file that is added without saying when to use it is found here."""
    table = readme()
    assert [name for name in SHIPPED if f"| `{name}` |" not in table] == []


def test_the_tests_collector_has_every_component_that_a_file_names() -> None:
    """A component that the built Collector lacks would only be found when the end-to-end tests start it."""
    builder = BUILDER.read_text(encoding="utf-8")
    built = {
        module.removesuffix(kind)
        for module, kind in re.findall(r"/([a-z0-9]+?)(receiver|processor|exporter|connector|extension) v", builder)
    }
    built |= {module for module in re.findall(r"/([a-z0-9]+) v", builder)}
    for name in COLLECTORS:
        config = load(name)
        types = {component.split("/")[0].replace("_", "") for kind in KINDS for component in config.get(kind, {})}
        modules = {"otlpgrpc": "otlp"}
        assert {modules.get(t, t) for t in types} - built == set()


def test_prometheus_does_not_promote_what_changes_with_every_restart() -> None:
    """process.pid as a label would make new series at each restart of a program; service.instance.id is enough."""
    promoted = load("prometheus.yaml")["otlp"]["promote_resource_attributes"]
    assert [name for name in promoted if name.startswith(("process.", "container.", "service."))] == []
