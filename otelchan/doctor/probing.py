"""What the facts about loading and attaching mean. There are two ways to do each: one is enough. Pure."""

from __future__ import annotations

from otelchan.kernel.features import Features
from otelchan.kernel.links import Attach
from otelchan.view.types import FAULT, NOTE, OK, Check

_WAYS = {Attach.MULTI: "uprobe_multi links", Attach.PERF: "perf events"}


def check_probing(features: Features) -> list[Check]:
    """Who could load the kernel side, who does, how it could be attached, and how it would be."""
    loading = [_libbpf(features), _object(features), _bcc(features), _headers(features), _loading(features)]
    return [*loading, _multi(features), _perf(features), *_served(features)]


def _libbpf(features: Features) -> Check:
    if features.libbpf is None:
        return Check("libbpf", _without_libbpf(features), "not found", features.reasons.get("libbpf", ""))
    return Check("libbpf", OK, features.libbpf)


def _object(features: Features) -> Check:
    if features.object is None:
        return Check("BPF object", _without_libbpf(features), "not there", features.reasons.get("object", ""))
    return Check("BPF object", OK, features.object)


def _without_libbpf(features: Features) -> str:
    """BCC takes its place, where it can."""
    return NOTE if features.bcc and features.headers else FAULT


def _bcc(features: Features) -> Check:
    if features.bcc is None:
        return Check("BCC", NOTE, "not found", _in_place_of_libbpf(features, "bcc"))
    return Check("BCC", OK, features.bcc)


def _headers(features: Features) -> Check:
    if features.headers is None:
        return Check("kernel headers", NOTE, "not found", _in_place_of_libbpf(features, "headers"))
    found = f"for Linux {features.headers}, for BCC; any version serves, no kernel structure is read"
    return Check("kernel headers", OK, found)


def _in_place_of_libbpf(features: Features, what: str) -> str:
    return f"needed only where libbpf is not: {features.reasons.get(what, '')}"


def _loading(features: Features) -> Check:
    subject = "BPF loading"
    if features.backend is not None:
        return Check(subject, OK, f"the kernel takes the program, loaded by {features.backend}")
    if not features.bpf_allowed:
        return Check(subject, FAULT, "refused", features.reasons.get("bpf_allowed", ""))
    if features.attach is None or not ((features.libbpf and features.object) or (features.bcc and features.headers)):
        return Check(subject, NOTE, "not tried", "it needs libbpf and the BPF object first, or BCC and kernel headers")
    return Check(subject, FAULT, "refused", features.reasons.get("backend", ""))


def _multi(features: Features) -> Check:
    if features.multi:
        return Check("uprobe_multi", OK, "links over many sites, filtered by process")
    if not features.bpf_allowed:
        return Check("uprobe_multi", NOTE, "not tried", "loading must be permitted first")
    status = NOTE if features.perf else FAULT
    return Check("uprobe_multi", status, "not usable", features.reasons.get(Attach.MULTI, ""))


def _perf(features: Features) -> Check:
    if features.perf:
        return Check("perf events", OK, "links to one event per site")
    if not features.bpf_allowed:
        return Check("perf events", NOTE, "not tried", "loading must be permitted first")
    status = NOTE if features.multi else FAULT
    return Check("perf events", status, "not usable", features.reasons.get(Attach.PERF, ""))


def _served(features: Features) -> list[Check]:
    """Only where it would work."""
    if features.backend is None or features.attach is None:
        return []
    found = f"loaded by {features.backend}, attached by {_WAYS[features.attach]}"
    if features.attach is Attach.PERF:
        return [
            Check("probes", NOTE, found, "taking them out takes 0.1 s for each; uprobe_multi links have no such cost")
        ]
    return [Check("probes", OK, found)]
