"""The shipped Collector configurations, run as they are by the real Collector, with the real otelchan feeding them."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import eventually
from tests.support.agent import agent
from tests.support.certificates import Certificates, make
from tests.support.cgroups import groups, join
from tests.support.collector_readme import COLLECTORS, memory_limit_mib, required_variables, rules
from tests.support.kubernetes import Kubernetes, kubernetes, pod
from tests.support.pipeline import LONG_ONLY, check_everything
from tests.support.programs import free_ports
from tests.support.shop import Shop, shop
from tests.support.stack import CONFIGS, Collector, Labels, Stack, binary, run_collector
from tests.support.usage import memory_mib

NODE = "node-7"
ONE_SECOND = ("--interval", 1)
# The gateway keeps every span here: what it samples is shown in test_gateway.py.
KEEP_ALL = {"OTELCHAN_GATEWAY_SLOW_MS": "1", "OTELCHAN_GATEWAY_SPANS_PER_SECOND": "100000"}


@pytest.mark.parametrize("name", COLLECTORS)
def test_every_configuration_is_valid_with_its_defaults(name: str) -> None:
    """The Collector's own checker accepts each file with no environment variable set but those that must be."""
    env = dict.fromkeys(required_variables(name), "something")
    done = subprocess.run(
        [binary("otelcol"), "validate", "--config", CONFIGS / name],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_agent_configuration_does_not_start_without_the_nodes_name() -> None:
    """A forgotten variable would watch the pods of the whole cluster on every node: it is an error that names it."""
    done = subprocess.run(
        [binary("otelcol"), "validate", "--config", CONFIGS / "agent.yaml"],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "K8S_NODE_NAME" in done.stderr


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A private authority, with a certificate for servers on loopback and one for a client."""
    return make(tmp_path_factory.mktemp("pki"))


@contextlib.contextmanager
def gateway(stack: Stack, folder: Path, pki: Certificates, port: int) -> Iterator[Collector]:
    """The shipped gateway on that port, which demands TLS and a client's certificate."""
    env = {
        "PROMETHEUS_OTLP_ENDPOINT": stack.prometheus.otlp,
        "TEMPO_OTLP_ENDPOINT": stack.jaeger.grpc,
        "OTELCHAN_GATEWAY_TLS": "true",
        "OTELCHAN_GATEWAY_CERT": pki.server,
        "OTELCHAN_GATEWAY_KEY": pki.server_key,
        "OTELCHAN_GATEWAY_CLIENT_CA": pki.ca,
        "OTELCHAN_GATEWAY_STORAGE": str(folder / "queues"),
        **KEEP_ALL,
    }
    with run_collector(folder, "gateway.yaml", env, grpc_port=port, name="gateway") as running:
        yield running


def towards(pki: Certificates, port: int) -> dict[str, str]:
    """The variables with which sidecar.yaml and agent.yaml find that gateway."""
    return {
        "OTELCHAN_GATEWAY_ENDPOINT": f"127.0.0.1:{port}",
        "OTELCHAN_GATEWAY_CA": pki.ca,
        "OTELCHAN_GATEWAY_CLIENT_CERT": pki.client,
        "OTELCHAN_GATEWAY_CLIENT_KEY": pki.client_key,
    }


def test_what_a_sidecar_takes_is_in_the_back_ends_when_the_gateway_comes_back(
    stack: Stack, pki: Certificates, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Everything the program did arrives exactly, with its pod's names, though there was no gateway while it ran; and
    the Collector stays within the memory that the README gives it."""
    service, (port,) = f"sidecar-{uuid.uuid4().hex[:8]}", free_ports(1)
    named = {
        "K8S_NAMESPACE_NAME": "shop",
        "K8S_POD_NAME": "cart-0",
        "K8S_POD_UID": str(uuid.uuid4()),
        "K8S_NODE_NAME": NODE,
    }
    with (
        run_collector(tmp_path, "sidecar.yaml", {**towards(pki, port), **named}, name="sidecar") as sidecar,
        shop(workload("shop", go="1.27.3"), env={"OTEL_SERVICE_NAME": service}) as program,
        agent(tmp_path / "log", program.pid, *ONE_SECOND, "--endpoint", sidecar.http, env=LONG_ONLY) as running,
    ):
        running.wait_attached()
        program.go()
        eventually(lambda: "Exporting failed. Will retry" in (tmp_path / "sidecar.log").read_text())
        with gateway(stack, tmp_path, pki, port):
            check_everything(stack, service, program)
            (found,) = {
                (labels["k8s_namespace_name"], labels["k8s_pod_name"])
                for labels, _ in stack.prometheus.query(f'channel_process_total{{job="{service}"}}')
            }
            assert found == ("shop", "cart-0")
            assert target_info(stack, service)["k8s_pod_uid"] == named["K8S_POD_UID"]
            assert {span.resource["k8s.node.name"] for span in stack.jaeger.traces(service)} == {NODE}
        assert memory_mib(sidecar.pid) < memory_limit_mib("sidecar.yaml")


def target_info(stack: Stack, service: str) -> Labels:
    """All attributes of the Resource of a service, as Prometheus has them."""
    ((labels, _),) = eventually(lambda: stack.prometheus.query(f'target_info{{job="{service}"}}'))
    return labels


def test_a_sidecar_outside_kubernetes_adds_nothing(
    stack: Stack, pki: Certificates, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Without the variables of the downward API there are no empty attributes either."""
    service, (port,) = f"sidecar-{uuid.uuid4().hex[:8]}", free_ports(1)
    with (
        gateway(stack, tmp_path, pki, port),
        run_collector(tmp_path, "sidecar.yaml", towards(pki, port), name="sidecar") as sidecar,
        shop(workload("shop", go="1.27.3"), env={"OTEL_SERVICE_NAME": service}) as program,
        agent(tmp_path / "log", program.pid, *ONE_SECOND, "--endpoint", sidecar.http),
    ):
        assert [name for name in target_info(stack, service) if name.startswith("k8s_")] == []


UID = {name: str(uuid.uuid4()) for name in ("cart", "stock", "late", "elsewhere", "otelchan")}
CONTAINER = {name: uuid.uuid4().hex * 2 for name in ("cart", "stock", "proxy", "late", "elsewhere")}
SYSTEMD = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice/cri-containerd-{container}.scope"


def in_pod(name: str) -> str:
    """The path of a container's group as kubelet with systemd and containerd make it."""
    return SYSTEMD.format(uid=UID[name].replace("-", "_"), container=CONTAINER[name])


PATHS = {
    "cart": in_pod("cart"),
    # A static pod: its group has a digest of its file, and the API knows it by another uid.
    "stock": f"kubepods/burstable/pod{uuid.uuid4().hex}/{CONTAINER['stock']}",
    "late": in_pod("late"),
    "elsewhere": in_pod("elsewhere"),  # the API says that it runs on another node
}


@contextlib.contextmanager
def shops(binary_: Path, run: str) -> Iterator[dict[str, Shop]]:
    """A shop in each of these groups, and one in none, as the services NAME-RUN."""
    with contextlib.ExitStack() as opened:
        folders = opened.enter_context(groups(*PATHS.values()))
        found = {
            name: opened.enter_context(shop(binary_, env={"OTEL_SERVICE_NAME": f"{name}-{run}"}))
            for name in (*PATHS, "bare")
        }
        for name, folder in zip(PATHS, folders, strict=True):
            join(folder, found[name].pid)
        yield found


def test_a_node_agent_adds_each_programs_own_pod(
    stack: Stack, pki: Certificates, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """One otelchan watches five programs: each one's data gets the names of its own pod, found by its control group,
    also one that Kubernetes starts later, and otelchan's own data those of otelchan's pod. A program in no pod, or in
    one of another node, gets none and still arrives. The Collector asks the API for the pods of its node only, as the
    README's ClusterRole permits."""
    run, (port,) = uuid.uuid4().hex[:8], free_ports(1)
    pods = [
        pod(
            "cart-5d8f-x2x4z",
            UID["cart"],
            {"cart": CONTAINER["cart"], "proxy": CONTAINER["proxy"]},
            node=NODE,
            owner=("ReplicaSet", "cart-5d8f"),
            labels={"pod-template-hash": "5d8f"},
        ),
        pod("stock-node-7", UID["stock"], {"stock": CONTAINER["stock"]}, node=NODE, owner=("Node", NODE)),
        pod(f"otelchan-{run}", UID["otelchan"], {"otelchan": uuid.uuid4().hex * 2}, node=NODE, namespace="otelchan"),
        pod("elsewhere-0", UID["elsewhere"], {"main": CONTAINER["elsewhere"]}, node="node-8"),
    ]
    with (
        kubernetes(tmp_path, pki, pods, rules()) as cluster,
        gateway(stack, tmp_path, pki, port),
        node_collector(tmp_path, pki, cluster, port) as collector,
        shops(workload("shop", go="1.27.3"), run) as programs,
    ):
        cluster.add(pod("late-0", UID["late"], {"main": CONTAINER["late"]}, node=NODE, owner=("StatefulSet", "late")))
        pids = [program.pid for program in programs.values()]
        env = {**LONG_ONLY, "OTEL_RESOURCE_ATTRIBUTES": f"k8s.pod.uid={UID['otelchan']}"}
        with agent(tmp_path / "log", *pids, *ONE_SECOND, "--endpoint", collector.http, env=env) as running:
            running.wait_attached(len(pids))
            programs["cart"].go()
            check_everything(stack, f"cart-{run}", programs["cart"])
            assert {name: kubernetes_labels(stack, f"{name}-{run}") for name in programs} == EXPECTED
            spans = stack.jaeger.traces(f"cart-{run}")
            assert {(s.resource["k8s.pod.name"], s.resource["k8s.pod.uid"]) for s in spans} == {
                ("cart-5d8f-x2x4z", UID["cart"])
            }
            assert {
                labels["k8s_pod_name"] for labels, _ in stack.prometheus.query(f'channel_lag{{job="cart-{run}"}}')
            } == {"cart-5d8f-x2x4z"}
            own = stack.prometheus.query(f'otelchan_build_info{{k8s_pod_name="otelchan-{run}"}}')
            assert [labels["k8s_namespace_name"] for labels, _ in own] == ["otelchan"]
            for labels, _ in [*own, *stack.prometheus.query(f'go_goroutine_count{{job=~".+-{run}"}}')]:
                assert labels["host_name"] == NODE, "not the pod's, which is another one after a rollout"
            assert {s.resource["host.name"] for s in spans} == {NODE}
        assert memory_mib(collector.pid) < memory_limit_mib("agent.yaml")
        assert associated(collector) == {"resource_attribute/k8s.pod.uid", "resource_attribute/container.id"}
    assert cluster.denied == []
    assert {(resource, query.get("fieldSelector")) for _, resource, query in cluster.asked} == {
        ("pods", f"spec.nodeName={NODE}")
    }


def test_a_node_agent_takes_nothing_before_it_knows_the_pods(pki: Certificates, tmp_path: Path) -> None:
    """Without rights, or with an API that does not answer, it waits, says so, and refuses data, which otelchan keeps:
    a series that began without its pod's name would go on as another one. It goes on by itself when it may."""
    port, entry = free_ports(2)
    refused: list[bool] = []

    def grant(cluster: Kubernetes) -> None:
        eventually(lambda: cluster.denied)
        time.sleep(1)  # without waiting for the pods it is ready within a third of that
        refused.append(not listens(entry))
        cluster.rules = rules()

    with kubernetes(tmp_path, pki, [], rules=[]) as cluster, ThreadPoolExecutor(1) as pool:
        granted = pool.submit(grant, cluster)
        with node_collector(tmp_path, pki, cluster, port, http_port=entry):
            assert (listens(entry), refused) == (True, [True])
        granted.result()
    assert set(cluster.denied) <= {"403 list /api/v1/pods", "403 watch /api/v1/pods"}
    assert "failed to list *v1.Pod" in (tmp_path / "agent.log").read_text()


def listens(port: int) -> bool:
    """Whether anybody takes connections there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


EXPECTED: dict[str, Labels] = {
    "cart": {
        "k8s_namespace_name": "shop",
        "k8s_pod_name": "cart-5d8f-x2x4z",
        "k8s_pod_uid": UID["cart"],
        "k8s_node_name": NODE,
        "k8s_deployment_name": "cart",
        "k8s_container_name": "cart",
        "container_image_name": "registry.example/cart",
        "service_version": "1.2",
    },
    "stock": {
        "k8s_namespace_name": "shop",
        "k8s_pod_name": "stock-node-7",
        "k8s_pod_uid": UID["stock"],
        "k8s_node_name": NODE,
        "k8s_container_name": "stock",
        "container_image_name": "registry.example/stock",
        "service_version": "1.2",
    },
    "late": {
        "k8s_namespace_name": "shop",
        "k8s_pod_name": "late-0",
        "k8s_pod_uid": UID["late"],
        "k8s_node_name": NODE,
        "k8s_statefulset_name": "late",
        "k8s_container_name": "main",
        "container_image_name": "registry.example/main",
        "service_version": "1.2",
    },
    "elsewhere": {"k8s_pod_uid": UID["elsewhere"]},
    "bare": {},
}


def associated(collector: Collector) -> set[str]:
    """By what pods were found, as the README says to look it up."""
    row = re.compile(r'^otelcol_k8s_pod_association\{.*pod_identifier="([^"]*)".*status="success"', re.MULTILINE)
    return set(row.findall(collector.own_metrics()))


def kubernetes_labels(stack: Stack, service: str) -> Labels:
    """What is known of a service's pod and container, but the container's id."""
    labels = target_info(stack, service)
    return {
        name: text for name, text in labels.items() if name.startswith(("k8s_", "container_image_", "service_version"))
    }


@contextlib.contextmanager
def node_collector(
    folder: Path, pki: Certificates, cluster: Kubernetes, port: int, http_port: int | None = None
) -> Iterator[Collector]:
    """The Collector with agent.yaml as a pod of that cluster has it: a service account's files, the downward API."""
    env = {**towards(pki, port), **cluster.env(NODE)}
    with run_collector(
        folder, "agent.yaml", env, inside=cluster.inside(), http_port=http_port, name="agent"
    ) as running:
        yield running
