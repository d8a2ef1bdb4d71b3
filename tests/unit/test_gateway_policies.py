"""The sampling policies of gateway.yaml, against what otelchan sends; tests/e2e/test_gateway*.py runs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from otelchan.findings.catalogue import FINDINGS
from otelchan.kernel.types import PANICS
from otelchan.telemetry.attributes import ATTRIBUTES

REPO = Path(__file__).resolve().parents[2]
CONFIG: dict[str, Any] = yaml.safe_load((REPO / "collector-config/gateway.yaml").read_text(encoding="utf-8"))
SAMPLING: dict[str, Any] = CONFIG["processors"]["tail_sampling"]
POLICIES: dict[str, dict[str, Any]] = {policy["name"]: policy for policy in SAMPLING["policies"]}
NEVER_CAPPED = ["otelchan-exemplar", "otelchan-finding"]
RESOURCE = {"service.name", "service.instance.id"}


def parts(policy: dict[str, Any]) -> list[dict[str, Any]]:
    """A policy's conditions in their order: its own, or those that it joins."""
    kind: str = policy["type"]
    joined: list[dict[str, Any]] = policy[kind].get("and_sub_policy") or policy[kind].get("drop_sub_policy") or [policy]
    return [part[part["type"]]["not_sub_policy"] if part["type"] == "not" else part for part in joined]


def attributes(policy: dict[str, Any]) -> set[str]:
    """Names of the attributes that a policy looks at."""
    found: set[str] = set()
    for part in parts(policy):
        settings = part[part["type"]]
        found |= {settings["key"]} if "key" in settings else set()
        found |= set(re.findall(r'attributes\["([^"]+)"\]', " ".join(settings.get("span", []))))
    return found


def test_the_order_is_that_of_the_documentation() -> None:
    """The first match decides, so the order is part of what is promised: docs/tail-sampling.md has one row for each."""
    page = (REPO / "docs/tail-sampling.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(otelchan-[a-z]+)` \|", page, re.MULTILINE) == list(POLICIES)
    assert SAMPLING["sample_on_first_match"] is True


def test_only_exemplars_and_findings_have_no_rate() -> None:
    """Everything else ends with a rate, so that only what has matched uses it up."""
    kept = {name: policy for name, policy in POLICIES.items() if policy["type"] != "drop"}
    last = {name: parts(policy)[-1]["type"] for name, policy in kept.items()}
    assert [name for name, kind in last.items() if kind != "rate_limiting"] == NEVER_CAPPED
    assert all(part["type"] != "rate_limiting" for policy in kept.values() for part in parts(policy)[:-1])


@pytest.mark.parametrize("name", list(POLICIES))
def test_a_policy_looks_at_attributes_that_otelchan_sends(name: str) -> None:
    """A renamed attribute would make a policy that never matches."""
    known = {attribute.name for attribute in ATTRIBUTES} | RESOURCE
    assert attributes(POLICIES[name]) - known == set()


def test_span_metrics_have_dimensions_that_otelchan_sends() -> None:
    """Likewise."""
    settings = CONFIG["connectors"]["span_metrics"]
    known = {attribute.name for attribute in ATTRIBUTES} | RESOURCE
    assert {each["name"] for each in settings["dimensions"]} - known == set()
    assert set(settings["resource_metrics_key_attributes"]) == RESOURCE


def test_every_panic_and_every_finding_has_its_policy() -> None:
    """A kind that is added later is kept too."""
    (panic, _) = parts(POLICIES["otelchan-panic"])
    assert panic["string_attribute"]["values"] == list(PANICS)
    (pattern,) = POLICIES["otelchan-finding"]["string_attribute"]["values"]
    assert [id_ for id_ in FINDINGS if not re.search(pattern, id_)] == []


def test_spans_are_refused_before_they_are_counted_and_counted_before_they_are_dropped() -> None:
    """One way in: limiter, then the metrics of all spans and the sampling beside each other."""
    pipelines = CONFIG["service"]["pipelines"]
    assert pipelines["traces"]["processors"] == ["memory_limiter"]
    assert pipelines["traces"]["exporters"] == ["span_metrics", "forward/sampling"]
    assert pipelines["traces/sampled"]["processors"] == ["tail_sampling"]
    assert CONFIG["connectors"]["span_metrics"]["exemplars"]["enabled"] is False


def test_every_queue_is_on_disk() -> None:
    """And nothing that is kept is ever given up: max_elapsed_time of the trace store is endless."""
    queues = {name: settings["sending_queue"].get("storage") for name, settings in CONFIG["exporters"].items()}
    assert queues == dict.fromkeys(CONFIG["exporters"], "file_storage/queues")
    assert CONFIG["exporters"]["otlp_grpc/tempo"]["retry_on_failure"]["max_elapsed_time"] == "0s"
