"""As much of a Kubernetes API server as the Collector's k8s_attributes processor asks for: list and watch, over HTTPS,
for those who bring the token, and only what a ClusterRole permits.

What is tested is the real Collector with the shipped agent.yaml; this stands in for the cluster around it. Protocol:
https://kubernetes.io/docs/reference/using-api/api-concepts/ (efficient detection of changes, streaming lists).
"""

from __future__ import annotations

import contextlib
import json
import queue
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.certificates import Certificates

TOKEN = "the-token-of-a-service-account"
ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"  # client-go's rest.InClusterConfig, by way of /var/run
PODS = "/api/v1/pods"
Pod = dict[str, Any]
Rules = Sequence[Mapping[str, Sequence[str]]]


def pod(
    name: str,
    uid: str,
    containers: Mapping[str, str],
    *,
    node: str,
    namespace: str = "shop",
    owner: tuple[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Pod:
    """A running pod. containers: name and 64 digits of each. owner: kind and name, such as a ReplicaSet."""
    owners = [{"kind": owner[0], "name": owner[1], "uid": f"uid-of-{owner[1]}", "controller": True}] if owner else []
    statuses = [
        {"name": container, "containerID": f"containerd://{digits}", "image": f"registry.example/{container}:1.2"}
        for container, digits in containers.items()
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": dict(labels or {}),
            "ownerReferences": owners,
        },
        "spec": {
            "nodeName": node,
            "containers": [
                {"name": container, "image": f"registry.example/{container}:1.2"} for container in containers
            ],
        },
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.7",
            "startTime": "2026-01-02T03:04:06Z",
            "containerStatuses": statuses,
        },
    }


@dataclass
class Kubernetes:
    """The cluster's pods, and who asked for what: (verb, resource, query). denied: requests that were refused."""

    folder: Path
    rules: Rules
    pods: list[Pod] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    port: int = 0
    _watches: list[tuple[str, queue.Queue[Pod | None]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def env(self, node: str) -> dict[str, str]:
        """The environment that Kubernetes and the downward API give to a container."""
        return {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.port),
            "K8S_NODE_NAME": node,
        }

    def inside(self) -> list[str]:
        """A command that becomes another one, which has the files of a service account where a pod has them."""
        script = f'mount -t tmpfs none /run && mkdir -p {ACCOUNT} && cp "$0"/token "$0"/ca.crt {ACCOUNT}/ && exec "$@"'
        return ["unshare", "--mount", "sh", "-ec", script, str(self.folder)]

    def add(self, new: Pod) -> None:
        """A pod starts: everybody who watches its node is told."""
        with self._lock:
            self.pods.append(new)
            for node, watch in self._watches:
                if node in ("", new["spec"]["nodeName"]):
                    watch.put(new)

    def permits(self, verb: str, resource: str) -> bool:
        """Whether a rule of the ClusterRole does; all that is asked for here is of the core group."""
        return any(
            "" in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"] for rule in self.rules
        )

    def on_node(self, query: Mapping[str, str]) -> tuple[str, list[Pod]]:
        """The node that a field selector names, and its pods; all pods without one."""
        node = query.get("fieldSelector", "").removeprefix("spec.nodeName=")
        return node, [each for each in self.pods if node in ("", each["spec"]["nodeName"])]

    def watch(self, query: Mapping[str, str]) -> tuple[list[Pod], queue.Queue[Pod | None]]:
        """What is there now, and where what comes later is put; None at the end."""
        with self._lock:
            node, now = self.on_node(query)
            waiting: queue.Queue[Pod | None] = queue.Queue()
            self._watches.append((node, waiting))
            return now, waiting

    def close(self) -> None:
        """End all watches."""
        with self._lock:
            for _, watch in self._watches:
                watch.put(None)


def _handler(cluster: Kubernetes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            verb, resource = "watch" if query.get("watch") else "list", url.path.rpartition("/")[2]
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._refuse(401, url.path)
            elif not cluster.permits(verb, resource):
                self._refuse(403, f"{verb} {url.path}")
            elif url.path != PODS:
                self._refuse(404, url.path)
            else:
                cluster.asked.append((verb, resource, query))
                self._watch(query) if verb == "watch" else self._list(query)

        def _list(self, query: Mapping[str, str]) -> None:
            _, pods = cluster.on_node(query)
            answer = {"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "100"}, "items": pods}
            self._answer(200, answer)

        def _watch(self, query: Mapping[str, str]) -> None:
            """Lines of JSON until the connection ends; first what there is, if the list is to be streamed."""
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            now, later = cluster.watch(query)
            with contextlib.suppress(OSError):
                if query.get("sendInitialEvents") == "true":
                    for each in now:
                        self._event("ADDED", each)
                    self._event("BOOKMARK", _bookmark())
                while (new := later.get()) is not None:
                    self._event("ADDED", new)

        def _event(self, kind: str, subject: Mapping[str, Any]) -> None:
            self.wfile.write(json.dumps({"type": kind, "object": _versioned(subject)}).encode() + b"\n")
            self.wfile.flush()

        def _refuse(self, code: int, what: str) -> None:
            cluster.denied.append(f"{code} {what}")
            self._answer(code, {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code})

        def _answer(self, code: int, document: Mapping[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    return Handler


def _versioned(subject: Mapping[str, Any]) -> dict[str, Any]:
    return {**subject, "metadata": {"resourceVersion": "101", **subject["metadata"]}}


def _bookmark() -> Pod:
    """The end of a streamed list."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"k8s.io/initial-events-end": "true"}}}


@contextlib.contextmanager
def kubernetes(folder: Path, pki: Certificates, pods: Sequence[Pod], rules: Rules) -> Iterator[Kubernetes]:
    """The server, running, with the files of a service account in a folder of its own."""
    account = folder / "account"
    account.mkdir()
    (account / "token").write_text(TOKEN)
    (account / "ca.crt").write_bytes(Path(pki.ca).read_bytes())
    cluster = Kubernetes(account, rules, list(pods))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(cluster))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server, pki.server_key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    cluster.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        cluster.close()
        server.shutdown()
        server.server_close()
        thread.join()
