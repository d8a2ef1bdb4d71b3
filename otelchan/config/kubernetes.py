"""What Kubernetes' downward API tells the agent of its own pod, by the names that collector-config/ has for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

NODE, NAMESPACE, POD, UID = "K8S_NODE_NAME", "K8S_NAMESPACE_NAME", "K8S_POD_NAME", "K8S_POD_UID"


class Downward(NamedTuple):
    """node: spec.nodeName. namespace, pod, uid: metadata.namespace, metadata.name and metadata.uid. "": not told."""

    node: str = ""
    namespace: str = ""
    pod: str = ""
    uid: str = ""


def downward(environ: Mapping[str, str]) -> Downward:
    """From the agent's own environment."""
    return Downward(*(environ.get(name, "").strip() for name in (NODE, NAMESPACE, POD, UID)))
