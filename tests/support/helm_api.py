"""As much of the Kubernetes API as Helm asks before it would install: the version, and which kinds there are.

Nothing is created: Helm is to be told --dry-run=client.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

_KINDS = {
    "v1": ("ConfigMap", "ServiceAccount", "Service"),
    "apps/v1": ("DaemonSet", "Deployment"),
    "rbac.authorization.k8s.io/v1": ("ClusterRole", "ClusterRoleBinding"),
    "scheduling.k8s.io/v1": ("PriorityClass",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
}
_OF_THE_CLUSTER = {"ClusterRole", "ClusterRoleBinding", "PriorityClass"}


def _resources(group_version: str) -> dict[str, Any]:
    kinds = [
        {
            "name": f"{kind.lower()}{'es' if kind.endswith('s') else 's'}",
            "singularName": kind.lower(),
            "namespaced": kind not in _OF_THE_CLUSTER,
            "kind": kind,
            "verbs": ["create", "get", "list"],
        }
        for kind in _KINDS[group_version]
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": kinds}


def _group(group_version: str) -> dict[str, Any]:
    version = {"groupVersion": group_version, "version": group_version.rpartition("/")[2]}
    return {"name": group_version.partition("/")[0], "versions": [version], "preferredVersion": version}


class _Handler(http.server.BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, dict[str, Any]]] = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.1"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [_group(each) for each in _KINDS if "/" in each],
        },
        **{f"/apis/{each}" if "/" in each else f"/api/{each}": _resources(each) for each in _KINDS},
    }

    def do_GET(self) -> None:
        answer = self.answers.get(self.path.partition("?")[0])
        body = json.dumps(answer or {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def api() -> Iterator[str]:
    """Its address, for --kube-apiserver."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
