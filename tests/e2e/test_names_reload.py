"""Names that the user gives, in what is exported: at the start, and when they change while the agent runs."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests.support import eventually
from tests.support.agent import agent
from tests.support.gobuild import build
from tests.support.labelled import Labelled, marked

Q = "example.com/named/q"


def _attributes(point: Any) -> dict[str, str]:
    return {attribute["key"]: attribute["value"]["stringValue"] for attribute in point["attributes"]}


def exported(path: Path) -> dict[str, str]:
    """channel.name.source by channel.name, of the last export."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if not line.endswith("}"):
            continue
        resources = json.loads(line).get("resourceMetrics", [])
        metrics = [
            m for r in resources for s in r["scopeMetrics"] for m in s["metrics"] if m["name"] == "channel.waiters"
        ]
        for metric in metrics:
            points = [_attributes(point) for point in metric["gauge"]["dataPoints"] if not int(point.get("flags", 0))]
            found = {point["channel.name"]: point.get("channel.name.source", "") for point in points}
    return found


def test_aliases_and_skipping_change_while_the_agent_runs(tmp_path: Path) -> None:
    """An alias names at once what is there already; a constructor that is passed over from now on names no channel that
    is made from now on, and still names those that it made before."""
    makes, names = marked("named", "makes"), marked("named", "names")
    config, out = tmp_path / "otelchan.yaml", tmp_path / "otlp.jsonl"
    config.write_text(
        f"interval_s: 0.3\nmax_overhead: off\nnaming: {{aliases: [{{name: only, site: '{makes['only']}'}}]}}\n"
    )
    program = Labelled(build("named", "1.27.3"))
    try:
        with agent(tmp_path / "log", program.pid, "--config", config, "--otlp-file", out) as running:
            running.wait_attached()
            program.make()
            eventually(lambda: {f"{Q}.Open {makes['open']}", "only"} <= exported(out).keys())
            assert "alias" == exported(out)["only"]

            config.write_text(
                "interval_s: 0.3\nmax_overhead: off\n"
                f"naming: {{aliases: [{{name: orders, site: '{makes['open']}'}}], skip: ['{Q}.*']}}\n"
            )
            running.process.send_signal(signal.SIGHUP)
            running.wait_for(r"configuration read again from .*: 2 settings changed")
            eventually(lambda: {"orders", f"{Q}.Only {makes['only']}"} <= exported(out).keys())
            assert not {f"{Q}.Open {makes['open']}", "only"} & exported(out).keys()

            program.make()
            wanted = {f"main.{label} {names[label]}" for label in ("open", "other", "build", "only", "method")}
            eventually(lambda: wanted <= exported(out).keys())
            assert {"orders", f"{Q}.Only {makes['only']}"} <= exported(out).keys()
    finally:
        program.close()
