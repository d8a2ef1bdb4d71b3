"""`otelchan config`: what it prints, where, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from otelchan.cli import main, make_parser
from otelchan.config import Config, load
from otelchan.config.leaves import LEAVES
from otelchan.config.schema import schema
from otelchan.config.text import defaults


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that configures this machine."""
    for leaf in LEAVES.values():
        monkeypatch.delenv(leaf.variable, raising=False)
    for name in ("ENDPOINT", "HEADERS", "PROTOCOL"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
    monkeypatch.delenv("OTELCHAN_CONFIG", raising=False)


def test_print_shows_what_run_would_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same file, variables and flags."""
    path = tmp_path / "otelchan.yaml"
    path.write_text("spans_per_second: 5\ninterval_s: 5\n")
    monkeypatch.setenv("OTELCHAN_MAX_OVERHEAD", "1.5")
    flags = ["--config", str(path), "--interval", "4", "--endpoint", "http://a:1", "--attach", "perf"]
    assert 0 == main(["config", "print", *flags])
    printed = tmp_path / "printed.yaml"
    printed.write_text(capsys.readouterr().out)
    given = {"interval_s": 4.0, "otlp.endpoint": "http://a:1", "attach": "perf", "max_overhead": 1.5}
    assert load(str(path), {}, given) == load(str(printed), {}, {})


def test_print_json_is_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    """One document."""
    assert 0 == main(["config", "print", "--json", "--otlp-file", "out.jsonl"])
    document = json.loads(capsys.readouterr().out)
    assert {"value": "out.jsonl", "source": "flag --otlp-file"} == document["otlp_file"]


def test_print_defaults_is_a_file_to_start_from(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is configured here."""
    assert 0 == main(["config", "print", "--defaults", "--config", "/no/such"])
    assert defaults() == capsys.readouterr().out


def test_print_of_wrong_settings_ends_with_status_two(capsys: pytest.CaptureFixture[str]) -> None:
    """And one sentence, as everywhere."""
    assert 2 == main(["config", "print", "--config", "/no/such"])
    assert capsys.readouterr().err.startswith("otelchan: cannot read the configuration file /no/such: ")


def test_validate_says_that_a_file_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, with exit status 0."""
    path = tmp_path / "otelchan.yaml"
    path.write_text("interval_s: 5\n")
    assert 0 == main(["config", "validate", str(path)])
    assert (f"{path} is a valid configuration\n", "") == capsys.readouterr()


def test_validate_says_everything_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, as compilers write it, with exit status 2."""
    path = tmp_path / "otelchan.yaml"
    path.write_text("interval_s: 0\nintervall_s: 5\n")
    assert 2 == main(["config", "validate", str(path)])
    out, err = capsys.readouterr()
    assert ("", [f"{path}:1", f"{path}:2"]) == (out, [line.partition(": ")[0] for line in err.splitlines()])


def test_validate_of_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and the reason."""
    assert 2 == main(["config", "validate", "/no/such"])
    assert "No such file or directory" in capsys.readouterr().err


def test_run_is_as_strict_as_validate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing that validate says is what run ends with."""
    path = tmp_path / "otelchan.yaml"
    path.write_text("interval_s: 5\ninterval_s: 6\n")
    assert 2 == main(["run", "1", "--config", str(path)])
    assert capsys.readouterr().err == f"otelchan: {path}:2: interval_s is there twice, in line 1 too; leave one out\n"


def test_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For a file beside the configuration."""
    assert 0 == main(["config", "schema"])
    assert schema() == json.loads(capsys.readouterr().out)


def test_a_sub_command_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """As with every argument that is missing: status 2."""
    with pytest.raises(SystemExit) as stopped:
        main(["config"])
    assert 2 == stopped.value.code
    assert "ACTION" in capsys.readouterr().err


def test_logging_options_are_taken_on_both_sides_of_the_sub_command() -> None:
    """--debug at the end of the line, where people add it, and before."""
    parser = make_parser()
    for line in (["config", "--debug", "schema"], ["config", "schema", "--debug"]):
        assert parser.parse_args(line).debug
    assert "info" == parser.parse_args(["config", "--log-level", "info", "schema"]).log_level
    assert (False, None) == (parser.parse_args(["config", "schema"]).debug, parser.parse_args(["run", "1"]).log_level)


def test_a_flag_is_called_as_the_source_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Every setting that has a flag in `run` has it under the name that `print` gives as its source."""
    values = {"interval_s": "5", "otlp.endpoint": "http://a:1", "otlp_file": "a", "max_overhead": "5"}
    values |= {"backend": "bcc", "attach": "perf"}
    line = [word for key, value in values.items() for word in (LEAVES[key].flag, value)]
    assert "run" == make_parser().parse_args(["run", "1", *line]).command
    assert 0 == main(["config", "print", "--json", *line])
    document = json.loads(capsys.readouterr().out)
    assert {key: f"flag {LEAVES[key].flag}" for key in values} == {key: document[key]["source"] for key in values}


def test_the_printed_settings_are_those_of_the_loader(capsys: pytest.CaptureFixture[str]) -> None:
    """Without anything: the built-in ones, as YAML."""
    assert 0 == main(["config", "print"])
    printed = yaml.safe_load(capsys.readouterr().out)
    assert Config().findings.leak_stuck == printed["findings"]["leak_stuck"]
