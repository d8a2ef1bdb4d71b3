"""The settings once more while the agent runs: what changes, what is said, and what an error does not do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from otelchan.config import Config, Reload, Source
from otelchan.config.leaves import LEAVES
from otelchan.errors import UsageError
from tests.support.config import written

NEEDS_RESTART = {
    "backend",
    "attach",
    "otlp_file",
    "image_cache",
    "planes",
    "targets",
    "status.listen",
    "status.anywhere",
}


class Running:
    """An agent as far as settings go: it keeps those that it was given."""

    def __init__(self, folder: Path, text: str, environ: Mapping[str, str] | None = None, **flags: Any) -> None:
        self.folder = folder
        self.asked = threading.Event()
        source = Source(written(folder, text), environ or {}, flags)
        loaded = source.load()
        self.given: list[Config] = [loaded.config]
        self._reload = Reload(source, loaded, self.asked)

    def reload(self, text: str) -> Config:
        """Write the file anew, ask, and return the settings that hold then."""
        written(self.folder, text)
        self.asked.set()
        self._reload.if_asked(self.given.append)
        return self.given[-1]


@pytest.fixture(autouse=True)
def _every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "otelchan")


def test_nothing_is_read_unless_asked(tmp_path: Path) -> None:
    """The file may change at any time; it is read when somebody says so."""
    source = Source(written(tmp_path, "interval_s: 5"), {}, {})
    reload = Reload(source, source.load(), threading.Event())
    written(tmp_path, "interval_s: 6")
    reload.if_asked(lambda config: pytest.fail("it was not asked for"))


def test_what_changed_takes_effect_and_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line each, old and new; then how many there were. Asked once, read once."""
    running = Running(tmp_path, "interval_s: 5\nmax_overhead: off\n")
    config = running.reload("interval_s: 2.5\nfindings: {leak_stuck: 4}\notlp: {endpoint: 'http://a:1'}\n")
    assert (2.5, 3.0, 4, "http://a:1") == (
        config.interval_s,
        config.max_overhead,
        config.findings.leak_stuck,
        config.otlp.endpoint,
    )
    assert [
        "configuration: interval_s: 5 -> 2.5",
        "configuration: max_overhead: off -> 3",
        "configuration: otlp.endpoint: unset -> http://a:1",
        "configuration: findings.leak_stuck: 10 -> 4",
        f"configuration read again from {tmp_path}/otelchan.yaml: 4 settings changed",
    ] == caplog.messages
    assert not running.asked.is_set()


def test_variables_and_flags_still_win(tmp_path: Path) -> None:
    """They are those of the start."""
    running = Running(tmp_path, "interval_s: 5", {"OTELCHAN_SPANS_PER_SECOND": "7"}, max_overhead="9")
    config = running.reload("spans_per_second: 1\nmax_overhead: 1\ninterval_s: 6")
    assert (6, 7, 9) == (config.interval_s, config.spans_per_second, config.max_overhead)


def test_a_file_with_an_error_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not even what is right in it; one line says what and where."""
    running = Running(tmp_path, "interval_s: 5")
    running.reload("interval_s: 6\nspans_per_second: many\nintervall_s: 3\n")
    assert 1 == len(running.given)
    (line,) = caplog.messages
    assert line.startswith(
        f"the configuration stays as it was: {tmp_path}/otelchan.yaml:2: spans_per_second is 'many', but must be 0 to"
    )
    assert "\n" not in line
    assert 7 == running.reload("interval_s: 7").interval_s


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said, and it can be put back."""
    running = Running(tmp_path, "interval_s: 5")
    (tmp_path / "otelchan.yaml").unlink()
    running.asked.set()
    running._reload.if_asked(running.given.append)
    assert [Config] == [type(config) for config in running.given]
    assert "the configuration stays as it was: cannot read the configuration file" in caplog.text


def test_settings_that_cannot_be_used_change_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A certificate that is not there is found out by whoever uses it, and may come later."""
    running = Running(tmp_path, "interval_s: 5")

    def refuse(config: Config) -> None:
        raise UsageError(f"otlp.certificate is {config.otlp.certificate}, but there is no such file")

    written(tmp_path, "otlp: {certificate: ca.pem}")
    for _ in range(2):  # the second time it is still a change
        running.asked.set()
        running._reload.if_asked(refuse)
    sentence = "the configuration stays as it was: otlp.certificate is ca.pem, but there is no such file"
    assert [sentence, sentence] == caplog.messages


def test_what_needs_a_restart_is_said_and_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The rest of the file counts. It is said each time, because it is still so."""
    running = Running(tmp_path, "backend: libbpf")
    text = "backend: bcc\nattach: perf\notlp_file: /tmp/x\ninterval_s: 6\n"
    for _ in range(2):
        config = running.reload(text)
        assert ("libbpf", "auto", None, 6) == (config.backend, config.attach, config.otlp_file, config.interval_s)
    restart = [line for line in caplog.messages if line.endswith("; restart to apply")]
    assert (
        2
        * [
            "configuration: backend: libbpf -> bcc; restart to apply",
            "configuration: attach: auto -> perf; restart to apply",
            "configuration: otlp_file: unset -> /tmp/x; restart to apply",
        ]
        == restart
    )


def test_which_settings_need_a_restart() -> None:
    """As few as possible: how the kernel side was loaded and attached, and the file that is open."""
    assert NEEDS_RESTART == {leaf.key for leaf in LEAVES.values() if not leaf.reload}


def test_secrets_are_masked_in_what_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """That a token changed is said, not what it is."""
    running = Running(tmp_path, "otlp: {headers: {authorization: old-token}, endpoint: 'https://u:old-token@a:1'}")
    text = "otlp: {headers: {authorization: new-token}, endpoint: 'https://u:new-token@a:1?k=new-token'}"
    assert {"authorization": "new-token"} == running.reload(text).otlp.headers
    assert "token" not in caplog.text
    assert "configuration: otlp.headers: {authorization: '***'} -> {authorization: '***'}" in caplog.messages
    assert "configuration: otlp.endpoint: https://***@a:1 -> https://***@a:1?***" in caplog.messages


def test_without_a_file_there_is_nothing_to_read(caplog: pytest.LogCaptureFixture) -> None:
    """One line says so, and what to do."""
    asked = threading.Event()
    asked.set()
    source = Source(None, {}, {})
    Reload(source, source.load(), asked).if_asked(lambda config: pytest.fail("there was nothing to read"))
    assert ["asked to read the configuration again, but there is no file; start with --config FILE"] == caplog.messages


def test_a_file_that_a_variable_names_is_read_again(tmp_path: Path) -> None:
    """OTELCHAN_CONFIG as well as --config."""
    asked = threading.Event()
    given: list[Config] = []
    source = Source(None, {"OTELCHAN_CONFIG": written(tmp_path, "interval_s: 5")}, {})
    reload = Reload(source, source.load(), asked)
    written(tmp_path, "interval_s: 6")
    asked.set()
    reload.if_asked(given.append)
    assert [6] == [config.interval_s for config in given]


def test_settings_are_handed_on_also_when_none_changed(tmp_path: Path) -> None:
    """A certificate may have been replaced under the same name."""
    running = Running(tmp_path, "interval_s: 5")
    running.reload("interval_s: 5 # the same")
    assert 2 == len(running.given)
