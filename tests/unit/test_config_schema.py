"""The JSON Schema of the configuration file says what the loader does: both take a document, or neither does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from otelchan.config.leaves import LEAVES, SECTIONS, Leaf
from otelchan.config.load import problems
from otelchan.config.schema import schema
from otelchan.config.text import defaults
from tests.support.config import written

ROOT = Path(__file__).parents[2]
SCHEMA = Draft202012Validator(schema())

GOOD = """\
interval_s: 0.5
max_overhead: off
series_total: 5.0
otlp:
  endpoint: https://user:password@collector.example:4318/base?key=1
  headers: {authorization: Bearer a b}
  metrics:
  traces: {endpoint: 'collector:4317', protocol: grpc, timeout_s: 300}
findings: {leak_stuck: 2}
naming: {aliases: [{name: a b, site: 'q.go:1', function: }], skip: ['q.New*']}
objectives: [{channel: 'q.go:1', hits: 5.0, element_type: }]
"""
BAD = [
    "interval_s: 0",
    "interval_s: '5'",
    "interval_s: true",
    "intervall_s: 5",
    "max_overhead: on",
    "max_overhead: none",
    "series_total: 1.5",
    "otlp: [1]",
    "otlp: {endpoint: 'collector:4318'}",
    "otlp: {endpoint: 'ftp://a'}",
    "otlp: {headers: {a b: c}}",
    "otlp: {headers: {authorization: '***'}}",
    "otlp: {traces: {endpoint: 'a:1', protocol: http/protobuf}, protocol: grpc}",
    "otlp: {endpoint: 'a:1', traces: {protocol: grpc}}",
    "otlp: {metrics: {metrics: {}}}",
    "naming: {aliases: [{name: a}]}",
    "naming: {aliases: [{name: a, site: null}]}",
    "naming: {aliases: [{name: a, site: b, sight: c}]}",
    "naming: {aliases: [{name: ' a', site: b}]}",
    "naming: {skip: a}",
    "objectives: [{}]",
    "objectives: [{channel: a, hits: 1.5}]",
    "- interval_s",
    "5",
]


def place(key: str) -> dict[str, Any]:
    """What the schema says about one setting."""
    found = schema()
    for name in key.split("."):
        found = found["properties"][name]
    return found


def test_the_schema_is_a_schema() -> None:
    """By the rules of its own draft."""
    Draft202012Validator.check_schema(schema())
    assert "https://json-schema.org/draft/2020-12/schema" == schema()["$schema"]


def test_the_shipped_schema_is_what_the_settings_say() -> None:
    """docs/config.schema.json is generated; `make docs` brings it up to date."""
    assert schema() == json.loads((ROOT / "docs" / "config.schema.json").read_text())


def test_every_setting_is_described() -> None:
    """Meaning, default, unit, bounds, choices, whether it can be changed by reload; and nothing else is allowed."""
    for leaf in LEAVES.values():
        said = place(leaf.key)
        assert leaf.text in said["description"]
        assert leaf.allowed in said["description"]
        assert (leaf.default, leaf.unit, leaf.reload) == (said.get("default"), said.get("unit", ""), said["reload"])
    assert [False] * len(SECTIONS) == [place(section)["additionalProperties"] for section in sorted(SECTIONS)]
    number, _ = place("interval_s")["anyOf"]
    assert {"type": "number", "minimum": 0.1, "maximum": 3600} == number
    assert {"enum": ["auto", "bcc", "libbpf"]} == place("backend")["anyOf"][0]


def test_good_documents_are_valid(tmp_path: Path) -> None:
    """For the schema and for the loader."""
    for text in ("", GOOD, defaults()):
        assert [] == list(SCHEMA.iter_errors(yaml.safe_load(text)))
        assert [] == problems(written(tmp_path, text))


@pytest.mark.parametrize("text", BAD)
def test_bad_documents_are_not(tmp_path: Path, text: str) -> None:
    """For neither of them."""
    assert [] != list(SCHEMA.iter_errors(yaml.safe_load(text)))
    assert [] != problems(written(tmp_path, text))


WORDS = ["off", "OFF", "auto", "gzip", "none", "grpc", "http/protobuf", "", "a", "a/b.pem", "***", "a\n", "a\0b"]
HOSTS = ["a", "a.b-c.example.", "127.0.0.1", "[::1]", "[1:2:3:4:5:6:7:8]", "[:::]", "[1::2::3]", "", "-a", "ü", "a_b"]
PORTS = ["", ":1", ":65535", ":65536", ":0", ":x", ":", ":004318"]
SCHEMES = [
    "http://",
    "https://",
    "HTTP://",
    "ftp://",
    "//",
    "",
    "http://u:p@",
    "http://***@",
    "http://a@b@",
    "http://[",
]
PATHS = ["", "/", "/v1/traces?a=b#c", "/ü", "/a b", "?", "#", "/[", "\n"]
addresses = st.tuples(*(st.sampled_from(parts) for parts in (SCHEMES, HOSTS, PORTS, PATHS))).map("".join)
numbers = st.one_of(
    st.integers(-2, 12), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0.1, 1e6, 10**7, 10**30])
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.sampled_from(WORDS),
    addresses,
    st.text(st.characters(codec="utf-8"), max_size=4),
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2)
)


texts = st.sampled_from(["a", "a b", "q.(*T[...]).F", " a", "a ", "a\n", "\u00fc", "", "a\tb", "x" * 300, "x" * 301])


def values(leaf: Leaf) -> st.SearchStrategy[Any]:
    """Values for a setting: right ones, nearly right ones, and anything."""
    name = leaf.key.rpartition(".")[2]
    if name == "endpoint":
        return addresses | scalars
    if name == "headers":
        names = st.sampled_from(["a", "x-b", "A", "a b", "", "ü", "a\n", "1"])
        words = st.sampled_from(["b", "Bearer c", "", " b", "b ", "b\n", "ü", "***", "****"])
        return st.dictionaries(names, words | scalars, max_size=2) | anything
    if name == "skip":
        return st.lists(texts | scalars, max_size=2) | anything
    if name == "aliases":
        fields = {field: texts | scalars for field in ("name", "site", "function", "element_type", "other")}
        return st.lists(st.fixed_dictionaries({}, optional=fields), max_size=2) | anything
    if name == "objectives":
        fields = {"channel": texts, "element_type": texts, "operation": st.sampled_from(["send", "both", "a", None])}
        numbered = dict.fromkeys(("objective_ms", "quantile", "hits", "long_step_s", "cool_down_s", "other"), scalars)
        return st.lists(st.fixed_dictionaries({}, optional={**fields, **numbered}), max_size=2) | anything
    if name == "protocol":
        return st.sampled_from(["grpc", "http/protobuf", "http/json", None])
    return scalars | anything


def section(prefix: str) -> st.SearchStrategy[Any]:
    """A mapping of settings, now and then with something that does not belong there, or something else instead."""
    settings_here = {
        leaf.key.removeprefix(prefix): values(leaf)
        for leaf in LEAVES.values()
        if leaf.key.startswith(prefix) and "." not in leaf.key.removeprefix(prefix)
    }
    for key in SECTIONS:
        if key.startswith(prefix) and "." not in key.removeprefix(prefix):
            settings_here[key.removeprefix(prefix)] = section(f"{key}.")
    known = st.lists(st.sampled_from(sorted(settings_here)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: settings_here[name] for name in names})
    )
    strange = st.dictionaries(st.sampled_from(["intervall_s", "<", "otlp.endpoint"]), scalars, max_size=1)
    return st.one_of(*[known] * 6, st.tuples(known, strange).map(lambda both: {**both[0], **both[1]}), scalars)


def agreed(folder: Path, document: Any) -> bool:
    """Whether a document is valid, for both."""
    text = yaml.safe_dump(document)
    assert document == yaml.safe_load(text)
    by_schema = SCHEMA.is_valid(document)
    found = problems(written(folder, text))
    assert by_schema == (not found), (document, found, [error.message for error in SCHEMA.iter_errors(document)])
    return by_schema


TRIED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@TRIED
@given(document=section(""))
def test_the_schema_and_the_loader_agree(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    """On whole documents."""
    agreed(tmp_path_factory.getbasetemp(), document)


@TRIED
@given(data=st.data())
def test_the_schema_and_the_loader_agree_on_every_single_setting(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """One setting with one value, so that no other one decides."""
    leaf = data.draw(st.sampled_from(sorted(LEAVES.values())))
    document = data.draw(values(leaf))
    for name in reversed(leaf.key.split(".")):
        document = {name: document}
    agreed(tmp_path_factory.getbasetemp(), document)


@TRIED
@given(data=st.data())
def test_the_schema_and_the_loader_agree_on_addresses_and_protocols(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Which address is used with which protocol is decided by six settings together."""
    address = st.sampled_from([None, "http://a:1", "a:1", "a"])
    protocol = st.sampled_from([None, "grpc", "http/protobuf"])
    one = st.fixed_dictionaries({}, optional={"endpoint": address, "protocol": protocol})
    signals = st.fixed_dictionaries({}, optional={"metrics": one | st.none(), "traces": one | st.none()})
    document = {"otlp": {**data.draw(one), **data.draw(signals)}}
    agreed(tmp_path_factory.getbasetemp(), document)
