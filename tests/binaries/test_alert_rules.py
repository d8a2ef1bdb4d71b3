"""The shipped alert rules and their tests, by the real promtool (`make stack`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards.generator.alerts.__main__ import FOLDER, write
from dashboards.generator.parameters import Parameters
from tests.support.stack import binary

RULES = sorted(path.name for path in FOLDER.glob("*.yaml"))
TESTS = sorted(path.name for path in (FOLDER / "tests").glob("*.yaml"))


def promtool(*arguments: str | Path, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    command = [str(binary("promtool")), *(str(argument) for argument in arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def test_every_file_of_rules_has_a_file_of_tests() -> None:
    """And no other."""
    assert RULES == [name.replace(".test", "") for name in TESTS]
    assert len(RULES) == 4


def test_prometheus_takes_the_rules() -> None:
    """promtool check rules, with every check it has."""
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert (0, "") == (done.returncode, done.stderr), done.stdout + done.stderr


def test_prometheus_takes_rules_for_other_addresses_and_other_times(tmp_path: Path) -> None:
    """Written with other parameters they are rules still."""
    write(tmp_path, Parameters(grafana="https://grafana.example.com/sub", tempo="t", allowed=0.01, speed=30))
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES, folder=tmp_path)
    assert (0, "") == (done.returncode, done.stderr), done.stdout + done.stderr


@pytest.mark.parametrize("name", TESTS)
def test_alerts_fire_and_are_silent_as_written_down(name: str) -> None:
    """promtool test rules: labels and all annotations of what fires, and the silence of what does not."""
    done = promtool("test", "rules", f"tests/{name}")
    assert 0 == done.returncode, done.stdout + done.stderr


def test_a_wrong_word_or_a_missing_alert_is_noticed(tmp_path: Path) -> None:
    """The same tests fail when a summary is another one, and when an alert does not fire."""
    write(tmp_path, Parameters())
    rules = tmp_path / "otelchan-agent.yaml"
    for right, wrong in (("watches no program", "watches nothing"), ("otelchan_target_count == 0", "vector(0) > 1")):
        text = (FOLDER / rules.name).read_text(encoding="utf-8")
        assert right in text
        rules.write_text(text.replace(right, wrong), encoding="utf-8")
        done = promtool("test", "rules", "tests/otelchan-agent.test.yaml", folder=tmp_path)
        assert 0 != done.returncode
        assert "OtelchanNoTargets" in done.stdout + done.stderr


def test_no_two_rules_record_or_alert_the_same(tmp_path: Path) -> None:
    """All files can be loaded at once."""
    names = [
        rule.get("alert") or rule["record"]
        for path in FOLDER.glob("*.yaml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]
    assert len(set(names)) == len(names)
