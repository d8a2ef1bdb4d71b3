"""What the chart renders is what Kubernetes takes, in every version that is supported, and has the rights that it needs
and no others; each check is shown to find what it is for."""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from otelchan.kernel.capabilities import Capability
from scripts import chart
from tests.support import collector_readme
from tests.support.chart import CUSTOM, VERSIONS, containers, one, pod_specs, rendered, schema_faults
from tests.support.chart import plain as plain_manifest
from tests.support.chart_rules import NEEDED, OPTIONAL, faults
from tests.support.stack import binary

Json = dict[str, Any]
Change = Callable[[list[Json]], object]
FORMS = list(chart.FORMS)


@pytest.mark.parametrize("kubernetes", VERSIONS)
@pytest.mark.parametrize("name", [*FORMS, "everything"])
def test_kubernetes_knows_every_field(name: str, kubernetes: str) -> None:
    """kubernetes-validate --strict: types, required fields, no unknown ones. Kinds of operators have no schema."""
    assert [] == schema_faults(rendered(name, kubernetes=kubernetes), kubernetes)


@pytest.mark.parametrize("name", FORMS)
def test_plain_manifests_are_for_every_version_with_apparmor_in_the_pod(name: str) -> None:
    """Which is the case since 1.30: the chart renders the same for all of them, and for 1.29 an annotation."""
    assert [] == schema_faults(plain_manifest(name), VERSIONS[1]) + schema_faults(plain_manifest(name), VERSIONS[-1])
    node = name.startswith("node")
    same = [rendered(name, kubernetes=version) == rendered(name) for version in VERSIONS]
    assert [not node, *[True] * (len(VERSIONS) - 1)] == same


@pytest.mark.parametrize("name", [*FORMS, "everything"])
def test_pods_have_what_they_need_and_no_more(name: str) -> None:
    """Capabilities, namespaces, tokens, limits, mounts, probes: tests/support/chart_rules.py."""
    objects = rendered(name)
    if name == "everything":  # locks of the pod's own; its class is of the cluster
        assert {"priorityClassName": "system-node-critical"}.items() <= dict(pod_specs(objects))[
            "DaemonSet/watcher"
        ].items()
    assert [] == faults(objects)


def test_capabilities_are_those_of_linux_without_their_prefix() -> None:
    """Kubernetes takes any word, and a runtime that does not know it refuses the container, or leaves it out."""
    assert set(NEEDED) | OPTIONAL <= {capability.name for capability in Capability}
    table = (chart.REPO / "docs/permissions.md").read_text(encoding="utf-8")
    assert [] == [name for name in [*NEEDED, *OPTIONAL] if f"| `CAP_{name}` |" not in table]


def _container(name: str, change: Callable[[Json], object]) -> Change:
    def apply(objects: list[Json]) -> None:
        for _, spec in pod_specs(objects):
            change(containers(spec)[name])

    return apply


def _context(change: Callable[[Json], object], name: str = "otelchan") -> Change:
    return _container(name, lambda each: change(each["securityContext"]))


def _spec(change: Callable[[Json], object]) -> Change:
    def apply(objects: list[Json]) -> None:
        for _, spec in pod_specs(objects):
            change(spec)

    return apply


def _of(kind: str, change: Callable[[Json], object]) -> Change:
    return lambda objects: change(one(objects, kind))


def _rename(where: Json, old: str, new: str) -> None:
    where[new] = where.pop(old)


BOTH: dict[str, Change] = {
    "capabilities with their prefix": _context(lambda c: c["capabilities"].update(add=[f"CAP_{n}" for n in NEEDED])),
    "a capability too many": _context(lambda c: c["capabilities"]["add"].append("SYS_MODULE")),
    "a capability less": _context(lambda c: c["capabilities"]["add"].remove("DAC_READ_SEARCH")),
    "not all dropped": _context(lambda c: c["capabilities"].update(drop=["NET_RAW"])),
    "none dropped": _context(lambda c: c["capabilities"].pop("drop")),
    "privileged": _context(lambda c: c.update(privileged=True)),
    "more rights by exec": _context(lambda c: c.pop("allowPrivilegeEscalation")),
    "writable": _context(lambda c: c.update(readOnlyRootFilesystem=False)),
    "no seccomp": _context(lambda c: c.update(seccompProfile={"type": "Unconfined"})),
    "a typing error in a field": _context(lambda c: _rename(c, "readOnlyRootFilesystem", "readonlyRootFilesystem")),
    "another user": _context(lambda c: c.update(runAsUser=1000)),
    "a Collector with rights": _context(lambda c: c["capabilities"].update(add=["SYS_PTRACE"]), "collector"),
    "a Collector as root": _context(lambda c: c.update(runAsNonRoot=False), "collector"),
    "no memory limit": _container("otelchan", lambda c: c["resources"]["limits"].pop("memory")),
    "a CPU limit": _container("otelchan", lambda c: c["resources"]["limits"].update(cpu="1")),
    "the newest image": _container("otelchan", lambda c: c.update(image="otelchan:latest")),
    "an image without version": _container("collector", lambda c: c.update(image="registry:5000/otelcol")),
    "a probe of another port": _container("otelchan", lambda c: c["livenessProbe"]["httpGet"].update(port="http")),
    "listens at another port": _container(
        "otelchan", lambda c: c.update(args=[a.replace("9464", "9465") for a in c["args"]])
    ),
    "does not listen to others": _container("otelchan", lambda c: c["env"].pop(0)),
    "a variable before its parts": _container("otelchan", lambda c: c["env"].insert(0, c["env"].pop(5))),
    "a folder less": _container("otelchan", lambda c: c["volumeMounts"].pop()),
    "a folder read only": _container("otelchan", lambda c: c["volumeMounts"][1].update(readOnly=True)),
    "a mount without volume": _container("otelchan", lambda c: c["volumeMounts"][0].update(name="other")),
    "a token for all": _spec(lambda s: s.pop("automountServiceAccountToken")),
    "the network of the node": _spec(lambda s: s.update(hostNetwork=True)),
    "any machine": _spec(lambda s: s.pop("nodeSelector")),
    "a folder of the node": _spec(lambda s: s["volumes"][1].update({"hostPath": {"path": "/var/cache"}})),
    "no otelchan": _spec(lambda s: [c.update(name="agent") for c in containers(s).values() if c["name"] == "otelchan"]),
}
NODE: dict[str, Change] = {
    "not the node's processes": _spec(lambda s: s.pop("hostPID")),
    "hostPID wrongly written": _spec(lambda s: _rename(s, "hostPID", "hostPid")),
    "no tolerations": _spec(lambda s: s.pop("tolerations")),
    "no priority": _spec(lambda s: s.pop("priorityClassName")),
    "a rollout that does not wait": _container("otelchan", lambda c: c.pop("readinessProbe")),
    "killed while it starts": _container("otelchan", lambda c: c["startupProbe"]["httpGet"].update(path="/readyz")),
    "otelchan with the token": _container(
        "otelchan",
        lambda c: c["volumeMounts"].append(
            {"name": "collector-token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
        ),
    ),
    "all resources": _of("ClusterRole", lambda r: r["rules"][0].update(resources=["*"])),
    "secrets too": _of("ClusterRole", lambda r: r["rules"].append(dict(r["rules"][0], resources=["secrets"]))),
    "changes pods": _of("ClusterRole", lambda r: r["rules"][0]["verbs"].append("delete")),
    "binds another role": _of("ClusterRoleBinding", lambda b: b["roleRef"].update(name="cluster-admin")),
    "binds another account": _of("ClusterRoleBinding", lambda b: b["subjects"][0].update(name="default")),
    "evicts": _of("PriorityClass", lambda p: p.pop("preemptionPolicy")),
    "a selector of nobody": _of("DaemonSet", lambda d: d["spec"]["selector"]["matchLabels"].update(app="other")),
}
SIDECAR: dict[str, Change] = {
    "the node's processes": _spec(lambda s: s.update(hostPID=True)),
    "no shared processes": _spec(lambda s: s.pop("shareProcessNamespace")),
    "takes the application out of service": _container(
        "otelchan", lambda c: c.update(readinessProbe=copy.deepcopy(c["livenessProbe"]))
    ),
    "the application with rights": _context(lambda c: c["capabilities"].update(add=["SYS_ADMIN"]), "shop"),
}


@pytest.mark.parametrize(
    ("form", "what"),
    [*(("node-collector", what) for what in BOTH | NODE), *(("sidecar-native", what) for what in BOTH | SIDECAR)],
)
def test_a_mistake_is_found(form: str, what: str) -> None:
    """By the rules or by the schema. Each is made in what is right."""
    objects = copy.deepcopy(rendered(form))
    (BOTH | NODE | SIDECAR)[what](objects)
    assert objects != rendered(form)
    assert faults(objects) + schema_faults(objects, VERSIONS[-1])


def test_without_a_collector_nothing_may_ask_the_api() -> None:
    """No role, no token."""
    objects = rendered("node")
    assert set() == {each["kind"] for each in objects} & {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
    assert "serviceAccountToken" not in yaml.safe_dump(objects)


def test_only_the_collector_has_a_token() -> None:
    """Of the service account that may list and watch pods."""
    objects = rendered("node-collector")
    named = containers(one(objects, "DaemonSet")["spec"]["template"]["spec"])
    mounted = {name: [mount["name"] for mount in each["volumeMounts"]] for name, each in named.items()}
    assert ["collector"] == [name for name, mounts in mounted.items() if "collector-token" in mounts]


def _told(env: list[Json]) -> dict[str, str]:
    return {each["name"]: str(each.get("value", "a-name")).replace("$(POD_IP)", "127.0.0.1") for each in env}


def _validate(text: str, env: dict[str, str], folder: Path) -> tuple[int, str]:
    file = folder / "collector.yaml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [binary("otelcol"), "validate", "--config", file], env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(("form", "file"), [("node-collector", "agent.yaml"), ("sidecar", "sidecar.yaml"),
                                            ("sidecar-native", "sidecar.yaml")])  # fmt: skip
def test_the_collector_takes_its_configuration_with_its_variables(form: str, file: str, tmp_path: Path) -> None:
    """The real one; the file is that of collector-config/, the variables are its own, the memory as its README says."""
    objects = rendered(form)
    text = one(objects, "ConfigMap", "otelchan-collector")["data"][file]
    assert (chart.REPO / "collector-config" / file).read_text(encoding="utf-8").strip() == text.strip()
    if file == "agent.yaml":  # what otelchan says of a program, and never who sent it
        sources = yaml.safe_load(text)["processors"]["k8s_attributes"]["pod_association"]
        assert ["k8s.pod.uid", "container.id"] == [each["name"] for rule in sources for each in rule["sources"]]
    ((_, spec),) = pod_specs(objects)
    collector = containers(spec)["collector"]
    told = _told(collector["env"])
    known = {*collector_readme.variables(file), *collector_readme.required_variables(file), "GOMEMLIMIT", "POD_IP"}
    assert set() == set(told) - known - {
        f"K8S_{part}" for part in ("NODE_NAME", "NAMESPACE_NAME", "POD_NAME", "POD_UID")
    }
    assert (0, "") == _validate(text, told, tmp_path)
    assert f"{collector_readme.memory_limit_mib(file)}Mi" == collector["resources"]["limits"]["memory"]
    assert collector_readme.variables(file)["OTELCHAN_COLLECTOR_MEMORY_MIB"] == told["OTELCHAN_COLLECTOR_MEMORY_MIB"]


def test_the_operator_gets_the_same_configuration(tmp_path: Path) -> None:
    """As an object, its anchors written out; the real Collector takes it, and the pod asks for it by its name."""
    objects = rendered("sidecar-operator")
    custom, deployment = one(objects, "OpenTelemetryCollector"), one(objects, "Deployment")
    source = (chart.REPO / "collector-config/sidecar.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(source) == custom["spec"]["config"]
    env = _told(custom["spec"]["env"])
    assert (0, "") == _validate(yaml.safe_dump(custom["spec"]["config"]), env, tmp_path)
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert custom["metadata"]["name"] == annotations["sidecar.opentelemetry.io/inject"]
    assert "collector" not in containers(deployment["spec"]["template"]["spec"])


def test_a_wrong_collector_configuration_is_found(tmp_path: Path) -> None:
    """The check above can fail."""
    text = one(rendered("sidecar"), "ConfigMap", "otelchan-collector")["data"]["sidecar.yaml"]
    assert 0 != _validate(text.replace("memory_limiter:", "memory_limitter:", 1), dict(os.environ), tmp_path)[0]


def test_native_sidecars_start_first_and_go_on_running() -> None:
    """restartPolicy in initContainers is what makes them so, since 1.29; the application is the only other."""
    spec = one(rendered("sidecar-native"), "Deployment")["spec"]["template"]["spec"]
    order = ["collector", "otelchan"]
    assert [(name, "Always") for name in order] == [(c["name"], c["restartPolicy"]) for c in spec["initContainers"]]
    assert ["shop"] == [each["name"] for each in spec["containers"]]


def test_apparmor_is_said_as_each_version_takes_it() -> None:
    """By an annotation of the pod on 1.29, by a field since 1.30."""
    old, new = (one(rendered("node", kubernetes=version), "DaemonSet") for version in VERSIONS[:2])
    key = "container.apparmor.security.beta.kubernetes.io/otelchan"
    assert "unconfined" == old["spec"]["template"]["metadata"]["annotations"][key]
    assert key not in new["spec"]["template"]["metadata"]["annotations"]
    contexts = [each["spec"]["template"]["spec"]["containers"][0]["securityContext"] for each in (old, new)]
    assert [None, {"type": "Unconfined"}] == [context.get("appArmorProfile") for context in contexts]


def test_kinds_without_a_schema_are_the_three_that_are_named() -> None:
    """Nothing else goes unchecked: Kubernetes' schemas know all other kinds."""
    kinds = {each["kind"] for name in [*FORMS, "everything"] for each in rendered(name)}
    assert CUSTOM == kinds & CUSTOM
    unknown = [{"apiVersion": "v1", "kind": "Podd", "metadata": {"name": "x"}}]
    assert schema_faults(unknown, VERSIONS[-1])
