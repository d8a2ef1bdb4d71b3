"""docs/metadata.yaml: the catalogue for programs, in the shape that components of the Collector use."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from otelchan.findings.types import Assessment
from otelchan.telemetry.catalogue import ATTRIBUTES, METRICS
from otelchan.telemetry.metadata import document, text
from otelchan.telemetry.metrics import metric_points
from otelchan.telemetry.signals import Kind, Owner
from scripts.stack import find_go, go_environment
from tests.support.snapshots import channel, finding, snapshot
from tests.support.stack import binary

ROOT = Path(__file__).parents[3]


def read_by_mdatagen(folder: Path, content: str) -> tuple[int, str, str]:
    """Exit status, what it says, and the page that it makes of a metadata.yaml, in a Go package that is otherwise
    empty."""
    package = folder / "otelchanreceiver"
    package.mkdir()
    (package / "metadata.yaml").write_text(content)
    (package / "go.mod").write_text("module otelchan.invalid/otelchanreceiver\n\ngo 1.26.0\n")
    (package / "doc.go").write_text("package otelchanreceiver\n")
    environment = go_environment()
    path = f"{Path(find_go()).parent}:{environment['PATH']}"  # it asks `go list` for the name of the package
    done = subprocess.run(
        [binary("mdatagen"), "metadata.yaml"],
        cwd=package,
        env={**environment, "PATH": path, "GOPROXY": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    page = package / "documentation.md"
    return done.returncode, done.stderr, page.read_text() if page.exists() else ""


def test_the_file_is_what_the_catalogue_says() -> None:
    """It is generated; `make docs` brings it up to date."""
    assert text() == (ROOT / "docs" / "metadata.yaml").read_text()
    assert document() == yaml.safe_load(text())


def test_the_collectors_own_tool_reads_it(tmp_path: Path) -> None:
    """mdatagen takes it without a word, and documents each metric with its unit and type."""
    status, said, page = read_by_mdatagen(tmp_path, text())
    assert (0, "") == (status, said)
    for metric in METRICS.values():
        name = metric.name if metric.owner is Owner.TARGET else f"otelcol_{metric.name}"
        assert f"### {name}\n" in page
    assert "| s | Histogram | Double |" in page.split("### channel.block.duration\n")[1]
    assert "| {element} | Sum | Int | Cumulative | true |" in page.split("### channel.process\n")[1]


@pytest.mark.parametrize(
    ("right", "wrong", "reason"),
    [
        ("unit: '{element}'", "unti: '{element}'", "has invalid keys: unti"),
        ("- channel.name\n", "- channel.nam\n", "refers to undefined attributes: [channel.nam]"),
        ("class: receiver", "class: agent", "invalid class"),
    ],
)
def test_the_tool_finds_mistakes(tmp_path: Path, right: str, wrong: str, reason: str) -> None:
    """So that its silence means something."""
    assert right in text()
    status, said, _ = read_by_mdatagen(tmp_path, text().replace(right, wrong, 1))
    assert 1 == status
    assert reason in said


def test_everything_that_metrics_have_is_in_it() -> None:
    """Metrics of programs and of the agent apart; every attribute once, with its values."""
    made = document()
    of = {owner: {m.name for m in METRICS.values() if m.owner is owner} for owner in Owner}
    assert of[Owner.TARGET] == set(made["metrics"])
    assert of[Owner.AGENT] == set(made["telemetry"]["metrics"])
    used = {name for metric in METRICS.values() for name in metric.attributes}
    assert {name: list(ATTRIBUTES[name].values) for name in used} == {
        name: attribute.get("enum", []) for name, attribute in made["attributes"].items()
    }


def test_values_are_of_the_type_that_is_said() -> None:
    """Of a whole snapshot: what is counted is an integer, what is measured is not."""
    points = metric_points(snapshot([channel()]), Assessment(findings=(finding(),)))
    numbers = [point for point in points if METRICS[point.name].kind is not Kind.HISTOGRAM]
    assert len(numbers) > 5
    kinds = {"int": (int,), "double": (int, float)}
    assert [] == [point for point in numbers if not isinstance(point.value, kinds[METRICS[point.name].value_type])]
