"""The configuration file is read strictly: everything that is wrong is said, with its line, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.config import Config, Signal, load
from otelchan.config.load import problems
from tests.support.config import refused, written


def said(folder: Path, text: str) -> list[str]:
    """What is wrong in a file, without its path: "line: sentence"."""
    path = written(folder, text)
    return [sentence.removeprefix(f"{path}:") for sentence in problems(path)]


def test_an_empty_file_and_empty_settings_are_fine(tmp_path: Path) -> None:
    """Commented-out sections leave keys without values."""
    for text in ("", "# nothing\n", "null", "otlp:\n  metrics:\ninterval_s:\n", "\ufeffinterval_s: 10\n"):
        assert Config() == load(written(tmp_path, text), {}, {})
        assert [] == problems(written(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["max_overhead: off", "max_overhead: 'off'", "max_overhead: OFF", "max_overhead: 'Off'"]
)
def test_no_budget_is_written_off(tmp_path: Path, text: str) -> None:
    """A bare `off` is false for YAML."""
    assert load(written(tmp_path, text), {}, {}).max_overhead is None


def test_a_whole_number_may_be_written_with_a_point(tmp_path: Path) -> None:
    """5.0 is an integer for JSON Schema, so it is one here."""
    assert 5 == load(written(tmp_path, "series_total: 5.0"), {}, {}).series_total


def test_an_alias_may_stand_for_a_section(tmp_path: Path) -> None:
    """What is the same for both signals is written once."""
    otlp = load(written(tmp_path, "otlp:\n  metrics: &both {timeout_s: 3}\n  traces: *both\n"), {}, {}).otlp
    assert (Signal(timeout_s=3.0), Signal(timeout_s=3.0)) == (otlp.metrics, otlp.traces)


def test_an_unknown_setting_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    """Also inside a section."""
    assert ["1: unknown setting intervall_s; the nearest known one is interval_s, see docs/configuration.md"] == said(
        tmp_path, "intervall_s: 5"
    )
    (sentence,) = said(tmp_path, "otlp:\n  traces:\n    endpiont: http://a:1\n")
    assert sentence.startswith("3: unknown setting otlp.traces.endpiont; the nearest known one is otlp.traces.endpoint")
    (sentence,) = said(tmp_path, "zzz: 1")
    assert "the nearest known one is" in sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interval_s: soon", "interval_s is 'soon', but must be 0.1 to 3600"),
        ("interval_s: true", "interval_s is True, but must be 0.1 to 3600"),
        ("interval_s: '5'", "interval_s is '5', but must be 0.1 to 3600"),
        ("interval_s: 0", "interval_s is 0, but must be 0.1 to 3600"),
        ("interval_s: .nan", "interval_s is nan, but must be 0.1 to 3600"),
        ("interval_s: .inf", "interval_s is inf, but must be 0.1 to 3600"),
        ("interval_s: [1]", "interval_s is a list, but must be 0.1 to 3600"),
        ("interval_s: 2026-01-01", "interval_s is datetime.date(2026, 1, 1), but must be 0.1 to 3600"),
        ("max_overhead: 101", "max_overhead is 101, but must be more than 0, at most 100, or off"),
        ("max_overhead: 0", "max_overhead is 0, but must be more than 0, at most 100, or off"),
        ("max_overhead: on", "max_overhead is True, but must be more than 0, at most 100, or off"),
        ("series_total: 1.5", "series_total is 1.5, but must be 1 to 10000000"),
        ("series_total: 99999999", "series_total is 99999999, but must be 1 to 10000000"),
        ("otlp_file: ''", "otlp_file is '', but must be a path"),
        ("otlp_file: 7", "otlp_file is 7, but must be a path"),
        ("otlp: {timeout_s: 0}", "otlp.timeout_s is 0, but must be 0.1 to 300"),
        ("otlp: {metrics: {timeout_s: 900}}", "otlp.metrics.timeout_s is 900, but must be 0.1 to 300"),
        ("otlp: {compression: deflate}", "otlp.compression is 'deflate', but must be none or gzip"),
        ("otlp: {endpoint: 'collector:4318'}", "otlp.endpoint is 'collector:4318', but must be an http or https URL"),
        ("otlp: {endpoint: 'http://'}", "otlp.endpoint is 'http://', but must be an http or https URL"),
        ("otlp: {endpoint: 'http://a:b'}", "otlp.endpoint is 'http://a:b', but must be an http or https URL"),
        ("otlp: {endpoint: 'http://[:::]:1'}", "otlp.endpoint is 'http://[:::]:1', but must be an http or https URL"),
        ("otlp: 7", "otlp is 7, but must be a mapping of settings"),
        ("otlp: [7]", "otlp is a list, but must be a mapping of settings"),
        ("findings: {leak_stuck: 1}", "findings.leak_stuck is 1, but must be 2 to 1000000"),
        ("backend: cc", "backend is 'cc', but must be auto, libbpf or bcc"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path: Path, text: str, expected: str) -> None:
    """The line, the key, the value, what is allowed; when it is used and when it is checked."""
    (sentence,) = said(tmp_path, text)
    assert sentence.startswith(f"1: {expected}")
    assert refused(str(tmp_path / "otelchan.yaml")).startswith(f"{tmp_path}/otelchan.yaml:1: {expected}")


def test_everything_that_is_wrong_is_said_in_the_order_of_lines(tmp_path: Path) -> None:
    """Not only the first: keys, repetitions, values and sections in one go."""
    text = """\
interval_s: 5
otlp:
  endpiont: http://a
  timeout_s: 900
  headers: {a: b, c: d, a: e}
interval_s: 6
findings: none
"""
    assert [
        "3: unknown setting otlp.endpiont; the nearest known one is otlp.endpoint, see docs/configuration.md",
        "4: otlp.timeout_s is 900, but must be 0.1 to 300; see docs/configuration.md",
        "5: otlp.headers.a is there twice, in line 5 too; leave one out",
        "6: interval_s is there twice, in line 1 too; leave one out",
        "7: findings is none, but must be a mapping of settings; see docs/configuration.md",
    ] == said(tmp_path, text)
    path = tmp_path / "otelchan.yaml"
    assert refused(str(path)).startswith(f"{path}:3: unknown setting otlp.endpiont")
    assert refused(str(path)).endswith(f"(and 4 more: `otelchan config validate {path}`)")


def test_a_setting_is_written_inside_its_sections(tmp_path: Path) -> None:
    """The dotted names of messages and documentation are not a second way to write it."""
    sentence = "1: otlp.endpoint is written with a dot; write each part on a line of its own, indented"
    assert [sentence] == said(tmp_path, "otlp.endpoint: http://a:1")
    (sentence,) = said(tmp_path, "otlp: {metrics.endpoint: http://a:1}")
    assert sentence.startswith("1: metrics.endpoint is written with a dot")


def test_a_section_that_is_there_twice_is_said(tmp_path: Path) -> None:
    """YAML libraries take the last one: half of the settings would be gone without a word."""
    (sentence,) = said(tmp_path, "otlp: {timeout_s: 1}\ninterval_s: 1\notlp: {compression: gzip}\n")
    assert sentence == "3: otlp is there twice, in line 1 too; leave one out"


def test_a_wrong_value_counts_also_when_something_stronger_replaces_it(tmp_path: Path) -> None:
    """A file is right or wrong by itself: the same file must not fail on the day the variable is gone."""
    path = written(tmp_path, "interval_s: 0")
    assert "interval_s is 0" in refused(path, {"OTELCHAN_INTERVAL_S": "5"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interval_s: 5\notlp: {endpoint", "2: "),
        ("interval_s: [1\n", "2: "),
        ("a: b: c", "1: mapping values are not allowed here"),
        ("\tinterval_s: 5", "1: found character '\\t' that cannot start any token"),
        ("interval_s: *x", "1: found undefined alias 'x'"),
        ("interval_s: 5\n---\ninterval_s: 6", "2: but found another document"),
        ("interval_s: '\x01'", "1: special characters are not allowed"),
        ("interval_s: !!python/object:os.system 5", "1: interval_s cannot be read: could not determine a constructor"),
        ("interval_s: !!int five", "1: interval_s cannot be read: invalid literal for int()"),
        ("interval_s: !!timestamp 2026-13-01", "1: interval_s cannot be read: month must be in 1..12"),
        ("otlp: {headers: {[a]: b}}", "1: otlp.headers cannot be read: found unhashable key"),
        ("- interval_s", "1: the configuration file must be a mapping of settings"),
        ("!!set {interval_s}", "1: the configuration file must be a mapping of settings"),
        ("x: &x {interval_s: 5}\n<<: *x", "1: unknown setting x"),
        ("<<: {interval_s: 5}", "1: the merge key << is not known here"),
        ("? [a, b]\n: 1", "1: unknown setting a list"),
        ("1: 2", "1: unknown setting 1"),
        ("&a {otlp: *a}", "1: unknown setting otlp.otlp"),
        ("interval_s: " + "[" * 3000, "1: brackets are nested too deeply"),
        ("interval_s: " + "9" * 5000, "1: interval_s cannot be read: Exceeds the limit"),
        ("a" * 500 + ": 1", "1: unknown setting " + "a" * 100 + "…"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_is_said_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    """Whatever it is: a sentence, never a traceback."""
    assert said(tmp_path, text)[0].startswith(expected)


def test_a_value_of_any_size_is_shown_short(tmp_path: Path) -> None:
    """Aliases can make gigabytes of nine lines."""
    lines = ["&a0 [x]"] + [f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (sentence,) = said(tmp_path, f"interval_s: [{', '.join(lines)}]")
    assert sentence == "1: interval_s is a list, but must be 0.1 to 3600; see docs/configuration.md"


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Not there, not text."""
    expected = "cannot read the configuration file /no/such: No such file or directory; give another --config"
    assert expected == refused("/no/such")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    assert f"cannot read the configuration file {binary}: not UTF-8 text; give another --config" == refused(str(binary))
    assert f"cannot read the configuration file {tmp_path}: Is a directory" in refused(str(tmp_path))


def test_secrets_of_a_wrong_file_are_not_shown(tmp_path: Path) -> None:
    """Headers of another type, and passwords and keys in an address."""
    for text in (
        "otlp: {headers: [secret]}",
        "otlp: {headers: {a: [secret]}}",
        "otlp: {endpoint: 'http://u:secret@a:b'}",
        "otlp: {endpoint: 'http://a:b/?key=secret'}",
    ):
        (sentence,) = said(tmp_path, text)
        assert "but must be" in sentence
        assert "secret" not in sentence


def test_a_mask_is_not_taken_for_a_secret(tmp_path: Path) -> None:
    """What `config print` masks cannot be used, and is not used in silence."""
    for text in ("{headers: {authorization: '***'}}", "{endpoint: 'http://***@a:1'}", "{endpoint: 'http://a:1/?***'}"):
        (sentence,) = said(tmp_path, f"otlp: {text}")
        assert sentence.endswith("has *** where a secret was masked; write the secret there")


@pytest.mark.parametrize("header", ["'a b': c", "a: ' b'", 'a: "b\\nc"', "a: ü", "'': b"])
def test_headers_that_cannot_be_sent_are_refused(tmp_path: Path, header: str) -> None:
    """A name that is no token, a value with what HTTP or gRPC does not take."""
    (sentence,) = said(tmp_path, f"otlp: {{headers: {{{header}}}}}")
    assert sentence.startswith("1: otlp.headers is given, but must be names and values of printable ASCII")


def test_a_file_is_checked_by_itself_for_what_settings_mean_together(tmp_path: Path) -> None:
    """An address without a scheme is for gRPC only; which protocol is spoken is another setting."""
    (sentence,) = said(tmp_path, "otlp:\n  protocol: grpc\n  traces:\n    endpoint: a:1\n    protocol: http/protobuf\n")
    assert sentence.startswith("4: otlp.traces.endpoint is 'a:1', but must be an http or https URL")
    assert [] == said(tmp_path, "otlp: {endpoint: 'a:1', protocol: grpc}")
