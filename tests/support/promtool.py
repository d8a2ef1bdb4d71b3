"""Queries over series that are written down in a test, by Prometheus's own engine: `promtool test rules`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.stack import Labels, binary

_SAMPLE = re.compile(r'\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\} (\S+?)(?:,|$)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def query_of(panel: Mapping[str, Any], ref: str, variables: Mapping[str, str]) -> str:
    """The query of a panel with that letter. variables: their values by name, "$job"."""
    (query,) = (target["expr"] for target in panel["targets"] if target["refId"] == ref)
    for name, value in sorted(variables.items(), reverse=True):
        query = query.replace(name, value)
    return str(query)


def answer(folder: Path, query: str, series: Mapping[str, str], at: str) -> list[tuple[Labels, float]]:
    """Labels and value of each row at "10m". series: values in promtool's form by series, one each 30 s from 0 on."""
    case = {
        "interval": "30s",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": at, "exp_samples": [{"labels": "nothing", "value": 0}]}],
    }
    (folder / "case.yaml").write_text(yaml.safe_dump({"tests": [case]}), encoding="utf-8")
    command = [str(binary("promtool")), "test", "rules", "case.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    said = re.search(r"^ *got: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    assert said, done.stdout + done.stderr
    rows = [(dict(_LABEL.findall(row)), float(value)) for row, value in _SAMPLE.findall(said[1])]
    assert rows or said[1] == "nil", said[1]
    return rows
