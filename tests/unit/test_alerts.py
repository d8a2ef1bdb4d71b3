"""The alert rules as data and as text: complete, up to date, and about things that exist. promtool runs them in
tests/binaries/test_alert_rules.py, a real Prometheus in tests/e2e/test_alerts.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.generator import links
from dashboards.generator.alerts.__main__ import FOLDER, files, write
from dashboards.generator.alerts.findings import ROWS
from dashboards.generator.alerts.rules import Alert
from dashboards.generator.parameters import Parameters
from otelchan.findings.catalogue import FINDINGS
from otelchan.telemetry.catalogue import ATTRIBUTES, SPANS
from otelchan.telemetry.resource import RESOURCE_ATTRIBUTES
from tests.support.dashboards import SHIPPED
from tests.support.emitted import DETERMINED, rules, series
from tests.support.labels import read
from tests.support.promql import grouped, selectors
from tests.support.traceql import parse

REPO = Path(__file__).resolve().parents[2]
RUNBOOKS = REPO / "docs" / "alerts.md"
MADE_HERE = {"signal", "severity", "alertname"}
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}


def alerts() -> list[Alert]:
    return [rule for rule in rules() if isinstance(rule, Alert)]


def shipped() -> list[dict[str, Any]]:
    """The alerts as they are in the files."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            found += [rule for rule in group["rules"] if "alert" in rule]
    return found


def test_the_files_are_what_the_generator_writes() -> None:
    """`make alerts` writes them again; there is no other one."""
    there = {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.yaml")}
    assert dict(files(Parameters())) == there


def test_every_finding_has_an_alert_and_none_is_about_another() -> None:
    """One each, of every severity that it has."""
    assert set(FINDINGS) == set(ROWS)
    expressions = [alert.expr for alert in alerts()]
    assert {f: 1 for f in FINDINGS} == {f: sum(f'finding_id="{f}"' in e for e in expressions) for f in FINDINGS}


def test_alerts_on_findings_compare_with_zero() -> None:
    """Thresholds live in the agent."""
    about = [alert.expr for alert in alerts() if "otelchan_finding" in alert.expr]
    assert len(FINDINGS) == len(about)
    assert [] == [expr for expr in about if not expr.endswith(" > 0")]


def test_names_are_all_different_and_begin_with_the_product() -> None:
    """Whoever is woken at night sees whose alert it is."""
    names = [alert.name for alert in alerts()]
    assert len(set(names)) == len(names)
    assert [] == [name for name in names if not re.fullmatch(r"Otelchan[A-Z][A-Za-z]+", name)]


def test_every_alert_has_a_section_in_the_runbook_and_every_section_an_alert() -> None:
    """The anchor of its runbook_url is the heading's, as GitHub makes it: letters lowered, of one word."""
    headings = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(alert.name for alert in alerts()) == sorted(headings)
    pointed = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in shipped()}
    base = Parameters().runbooks
    assert base.endswith("docs/alerts.md")
    assert {name: f"{base}#{name.lower()}" for name in headings} == pointed


def test_every_section_says_what_to_look_at_and_what_to_do() -> None:
    """In that order."""
    text = RUNBOOKS.read_text(encoding="utf-8")
    sections = re.findall(r"^## (\w+)\n(.*?)(?=^## |^# |\Z)", text, re.MULTILINE | re.DOTALL)
    assert [] == [
        name for name, body in sections if not re.search(r"- \*\*Look at\*\* .*- \*\*Do\*\*: ", body, re.DOTALL)
    ]


def test_links_of_the_runbook_to_other_pages_lead_somewhere() -> None:
    """The file is there, and so is the heading."""
    wrong = []
    for file, anchor in re.findall(r"\]\(([\w.-]*\.md)?(?:#([\w-]+))?\)", RUNBOOKS.read_text(encoding="utf-8")):
        page = RUNBOOKS.parent / file if file else RUNBOOKS
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        if not text or (anchor and anchor not in anchors):
            wrong.append(f"{file}#{anchor}")
    assert [] == wrong


def test_every_alert_has_all_annotations_and_a_severity() -> None:
    """What a person needs, and by what it is routed."""
    for rule in shipped():
        assert set(rule["annotations"]) >= ANNOTATIONS, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info", "{{ $labels.finding_severity }}")
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        queries = {name for name in rule["annotations"] if name.endswith("traceql")}
        assert {name.replace("traceql", "traces_url") for name in queries} <= set(rule["annotations"])


def test_findings_lead_to_the_finding_and_to_the_blocks() -> None:
    """Two queries each."""
    about = [rule["annotations"] for rule in shipped() if "otelchan_finding" in rule["expr"]]
    assert [] == [each for each in about if not {"traceql", "blocks_traceql"} <= set(each)]


def test_dashboards_are_known_ones() -> None:
    """Their uids are constants of the generator."""
    uids = {re.search(r"/d/([\w-]+)\?", rule["annotations"]["dashboard_url"])[1] for rule in shipped()}  # type: ignore[index]
    assert uids <= set(links.DASHBOARDS)


def test_links_choose_what_can_be_chosen() -> None:
    """On the dashboard that they lead to. A chain of waits goes over several channels, so all of them are shown."""
    there = {board["uid"]: {each["name"] for each in board["templating"]["list"]} for board in SHIPPED.values()}
    assert [] == [alert.name for alert in alerts() if not set(alert.variables) <= there[alert.dashboard]]
    alone = {alert.dashboard for alert in alerts() if "channel" in alert.variables}
    assert {links.CHANNELS, links.CLOSE, links.OBJECTIVES} == alone


def test_every_metric_and_label_of_an_expression_exists() -> None:
    """In the catalogue, among the Collector's, or recorded by these rules."""
    known = series()
    every_label = set().union(*known.values()) | MADE_HERE
    for rule in rules():
        asked = list(selectors(rule.expr))
        assert asked, rule.expr
        assert [] == [s for s in asked if s.labels - known.get(s.metric, set())], rule.expr
        assert grouped(rule.expr) <= every_label, rule.expr


def test_every_metric_of_a_recording_or_alert_is_really_known() -> None:
    """A name that nobody emits is noticed, and so is a label that a metric does not have."""
    known = series()
    (wrong,) = selectors("sum by (job) (increase(channel_lags_total{channel_name='x'}[5m])) > 0")
    assert wrong.metric == "channel_lags_total"
    assert wrong.metric not in known
    (label,) = selectors('channel_lag{finding_id="F1"} offset 5m > 0.5')
    assert label.labels - known[label.metric] == {"finding_id"}


def test_labels_in_words_and_links_are_labels_of_the_expression() -> None:
    """A template that names a label which the alert cannot have would say nothing in its place; nor does an expression
    group by one that is not there.
    """
    known = series()
    for alert in alerts():
        labels, wrong = read(alert.expr, known, DETERMINED)
        assert [] == wrong, alert.name
        have = labels | MADE_HERE
        text = " ".join((alert.summary, alert.description, alert.severity, *alert.traces.values()))
        named = set(re.findall(r"\$labels\.(\w+)", text)) | set(alert.variables.values())
        assert named <= have, f"{alert.name}: {named - have}"


def test_metrics_that_descriptions_ask_for_exist() -> None:
    """Templates may ask Prometheus for more, such as the pid in target_info."""
    known = series()
    for alert in alerts():
        for asked in re.findall(r"query \(printf `([^`]*)`", " ".join((alert.description, *alert.traces.values()))):
            found = list(selectors(asked.replace("%q", '"x"')))
            assert found, asked
            assert [] == [s for s in found if s.labels - known.get(s.metric, set())], asked


def traceql() -> list[str]:
    """Every query that the tests of the rules expect: filled in as they come out."""
    found = []
    for path in sorted((FOLDER / "tests").glob("*.yaml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for check in test.get("alert_rule_test", ()):
                for alert in check["exp_alerts"]:
                    found += [text for name, text in alert["exp_annotations"].items() if name.endswith("traceql")]
    return found


def test_attributes_in_trace_queries_exist() -> None:
    """On some span, or on the Resource of an observed process."""
    spans = {f"span.{name}" for span in SPANS for name in span.attributes} | {"span.otelchan.span.state"}
    resource = {f"resource.{name}" for name in RESOURCE_ATTRIBUTES}
    queries = traceql()
    assert len(queries) > 2 * len(FINDINGS)
    fields = {condition.field for query in queries for condition in parse(query)}
    assert fields <= spans | resource | {"name", "duration"}
    assert {name.removeprefix("span.") for name in fields if name.startswith("span.")} - {"otelchan.span.state"} <= set(
        ATTRIBUTES
    )


def test_the_tests_of_the_rules_fire_and_silence_every_alert() -> None:
    """Each alert has a case that fires and one that does not."""
    fires: set[tuple[str, str]] = set()
    silent: set[tuple[str, str]] = set()
    for path in (FOLDER / "tests").glob("*.yaml"):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for check in test.get("alert_rule_test", ()):
                (fires if check["exp_alerts"] else silent).add((check["alertname"], test["name"].split()[-1]))
    names = {alert.name for alert in alerts()}
    assert {(name, "fires") for name in names} == fires
    assert {(name, "silent") for name in names} <= silent


@pytest.mark.parametrize(
    ("seconds", "speed", "expected"),
    [(300, 1, "5m"), (3600, 1, "1h"), (90, 1, "90s"), (60, 40, "1500ms"), (120, 30, "4s"), (5400, 1, "90m")],
)
def test_durations_can_be_shortened(seconds: float, speed: int, expected: str) -> None:
    """As PromQL writes them, in the largest unit that gives a whole number."""
    assert expected == Parameters(speed=speed).time(seconds)


def test_addresses_are_parameters(tmp_path: Path) -> None:
    """Everything that a link begins with can be changed, and nothing of the default is left."""
    write(tmp_path, Parameters(grafana="https://g.example", tempo="traces", runbooks="https://r.example/alerts"))
    text = "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.yaml"))
    assert not (tmp_path / "tests").exists(), "the cases are about the shipped rules"
    assert "127.0.0.1" not in text
    assert "github.com" not in text
    assert '"uid":"tempo"' not in text
    assert "https://g.example/d/otelchan-goroutines?" in text
    assert "https://r.example/alerts#otelchandown" in text


WRONG = [
    (("--allowed", "0"), "'0' is no share: it must be more than 0 and less than 1"),
    (("--allowed", "0.1%"), "'0.1%' is no share: it must be more than 0 and less than 1"),
    (("--speed", "0"), "'0' is no speed: it must be a whole number from 1 on"),
    (("--grafana", "grafana.example.com"), "'grafana.example.com' is no http or https URL without a query"),
    (("--tempo", 'a"b'), "is no uid: letters, digits, - and _; Grafana shows it in the URL"),
    (("--folder", "/proc/nowhere"), "cannot write to /proc/nowhere: No such file or directory; give another folder"),
]


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As the runbook says."""
    command = [sys.executable, "-m", "dashboards.generator.alerts", *arguments]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_what_would_make_wrong_rules_is_refused(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    """In one sentence, and nothing is written."""
    done = generate("--folder", str(tmp_path / "rules"), *arguments)
    assert 2 == done.returncode
    assert sentence in done.stderr
    assert not (tmp_path / "rules").exists()


def test_a_slash_at_the_end_of_an_address_does_no_harm(tmp_path: Path) -> None:
    """Grafana answers 404 to two of them."""
    assert 0 == generate("--folder", str(tmp_path), "--grafana", "https://g.example/sub/").returncode
    text = (tmp_path / "otelchan-findings.yaml").read_text(encoding="utf-8")
    assert "https://g.example/sub/d/otelchan-goroutines?" in text


def test_commands_in_the_runbook_and_in_words_exist() -> None:
    """`otelchan plan` and so on."""
    text = RUNBOOKS.read_text(encoding="utf-8") + " ".join(alert.description for alert in alerts())
    named = set(re.findall(r"`otelchan ([a-z]+)", text))
    assert {"plan", "findings"} <= named
    assert named <= {path.stem for path in (REPO / "otelchan" / "commands").glob("*.py")}
