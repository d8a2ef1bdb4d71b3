"""The configuration as people read it: effective settings with their sources, a file to start from, the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from otelchan.config import Config, load
from otelchan.config.leaves import LEAVES
from otelchan.config.load import Loaded, problems, resolve
from otelchan.config.patterns import MASK
from otelchan.config.reference import markdown
from otelchan.config.text import as_document, defaults, effective
from tests.support.config import written

ROOT = Path(__file__).parents[2]


def resolved(folder: Path) -> Loaded:
    """Settings from every kind of source, with secrets in three places."""
    path = written(
        folder,
        "findings: {leak_suspect_s: 7}\notlp:\n  headers: {x: 'to # ken'}\n  traces: {endpoint: 'https://u:p@t:1/a?key=k'}\n"
        "max_overhead: off\notlp_file: |\n  a\n  b\n",
    )
    environ = {
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "Authorization=Bearer%20secret",
        "OTELCHAN_SPAN_THRESHOLD_MS": "0.0000125",
        "OTEL_METRIC_EXPORT_INTERVAL": "2500",
    }
    return resolve(path, environ, {"otlp.endpoint": "http://c:4318", "backend": "bcc", "attach": None})


def lines_of(text: str) -> dict[str, str]:
    """The lines with a value, by the text before the first colon."""
    return {line.partition(":")[0].strip(): line for line in text.splitlines() if ":" in line}


def test_every_value_says_where_it_comes_from_and_what_it_is(tmp_path: Path) -> None:
    """Built-in, file with line, variable, flag; with unit and meaning."""
    path = tmp_path / "otelchan.yaml"
    lines = lines_of(effective(resolved(tmp_path)))
    assert "series_total: 20000  # built-in; time series; Time series of all programs, at most" == lines["series_total"]
    assert (
        "max_overhead: off  # " + f"{path}:5; percent of one core; Probe time that a watched program may pay"
        == (lines["max_overhead"])
    )
    assert lines["span_threshold_ms"].startswith("span_threshold_ms: 1.25e-05  # OTELCHAN_SPAN_THRESHOLD_MS; milli")
    assert lines["interval_s"].startswith("interval_s: 2.5  # OTEL_METRIC_EXPORT_INTERVAL; seconds")
    assert lines["backend"].startswith("backend: bcc  # flag --backend; ")
    assert lines["leak_suspect_s"].startswith(f"  leak_suspect_s: 7  # {path}:1; seconds")


def test_secrets_are_masked(tmp_path: Path) -> None:
    """Header by header, and in addresses; also as JSON."""
    loaded = resolved(tmp_path)
    text, document = effective(loaded), as_document(loaded)
    assert "    endpoint: https://***@t:1/a?***  # " in text
    assert "    x: '***'\n" in text
    assert "      authorization: '***'\n" in text
    assert {"authorization": "***"} == document["otlp.metrics.headers"]["value"]
    for said in (text, str(document)):
        assert [] == [secret for secret in ("Bearer", "to #", "u:p", "key=") if secret in said]


def test_without_the_masked_lines_the_text_is_a_configuration_file(tmp_path: Path) -> None:
    """Fed back in, it says the same as what it was printed from, but for the secrets."""
    loaded = resolved(tmp_path)
    text = effective(loaded)
    kept = "\n".join(line for line in text.splitlines() if MASK not in line)
    (tmp_path / "again").mkdir()
    path = written(tmp_path / "again", kept)
    assert [] == problems(path)
    traces = msgspec.structs.replace(loaded.config.otlp.traces, endpoint=None)
    metrics = msgspec.structs.replace(loaded.config.otlp.metrics, headers={})
    otlp = msgspec.structs.replace(loaded.config.otlp, headers={}, traces=traces, metrics=metrics)
    assert msgspec.structs.replace(loaded.config, otlp=otlp) == load(path, {}, {})
    assert MASK in problems(written(tmp_path / "again", text))[0]


def test_the_built_in_settings_can_be_fed_back_in(tmp_path: Path) -> None:
    """Nothing is masked in them, so as they are."""
    assert Config() == load(written(tmp_path, effective(resolve(None, {}, {}))), {}, {})


def test_as_json_every_setting_has_its_value_and_source(tmp_path: Path) -> None:
    """No budget is the word off: null would be unset."""
    document = as_document(resolved(tmp_path))
    assert set(LEAVES) == set(document)
    assert {"value": "off", "source": f"{tmp_path}/otelchan.yaml:5"} == document["max_overhead"]
    assert {"value": "http://c:4318", "source": "flag --endpoint"} == document["otlp.endpoint"]
    assert {"value": None, "source": "built-in"} == document["otlp.certificate"]


def test_the_file_to_start_from_changes_nothing(tmp_path: Path) -> None:
    """Every setting is commented out, so that a later default is not held back by it."""
    assert Config() == load(written(tmp_path, defaults()), {}, {})


def test_the_file_to_start_from_has_every_setting_with_its_default(tmp_path: Path) -> None:
    """With the # taken away: what is built in, all of it; and each has its unit, and what is allowed."""
    text = "\n".join(
        line.replace("#", "", 1) if not line.strip().startswith("# ") else line for line in defaults().split("\n")
    )
    assert Config() == load(written(tmp_path, text), {}, {})
    found = set(flat(yaml.safe_load(text)))
    assert {leaf.key for leaf in LEAVES.values()} == found
    words = " ".join(defaults().replace("#", " ").split())
    for leaf in LEAVES.values():
        assert f"{leaf.text}{f' Unit: {leaf.unit}.' if leaf.unit else ''} Allowed: {leaf.allowed}." in words


def flat(document: dict[str, Any], prefix: str = "") -> list[str]:
    """The dotted keys of a document."""
    keys = []
    for name, value in document.items():
        key = prefix + name
        keys += [key] if key in LEAVES else flat(value, f"{key}.")
    return keys


def test_editors_are_told_where_the_schema_is() -> None:
    """By the comment that the YAML language server reads, in the first line; how to make that file is said."""
    first = defaults().splitlines()[0]
    assert "# yaml-language-server: $schema=otelchan.schema.json" == first
    assert "otelchan config schema >otelchan.schema.json" in defaults()


def test_every_setting_is_documented() -> None:
    """A text, what is allowed, and a variable of its own; a number has a unit."""
    assert [] == [leaf.key for leaf in LEAVES.values() if not leaf.text or not leaf.allowed]
    assert [] == [leaf.key for leaf in LEAVES.values() if isinstance(leaf.default, int | float) and not (
        leaf.unit or isinstance(leaf.default, bool))]  # fmt: skip
    assert len(LEAVES) == len({leaf.variable for leaf in LEAVES.values()})


def test_the_reference_is_what_the_settings_say() -> None:
    """docs/configuration.md is generated; `make docs` brings it up to date."""
    assert markdown() == (ROOT / "docs" / "configuration.md").read_text()


def test_the_reference_says_what_can_be_changed_by_reload() -> None:
    """In a column of its own."""
    rows = {
        row.split("`")[1]: row.split(" | ")[5]
        for row in markdown().splitlines()
        if row.startswith("| `") and row.count(" | ") == 6
    }
    assert {leaf.key: "yes" if leaf.reload else "no" for leaf in LEAVES.values()} == rows


def test_the_example_in_the_reference_can_be_loaded(tmp_path: Path) -> None:
    """As a file."""
    example = markdown().split("```yaml\n")[1].split("```")[0]
    config = load(written(tmp_path, example), {}, {})
    assert {"authorization": "Bearer secret"} == config.otlp.headers
