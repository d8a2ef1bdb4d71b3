"""Node with what scripts/setup.sh has put into tests/grafana: Grafana's types of dashboards, its grammar of TraceQL."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "grafana"
_COMPILER = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"
_COMPLAINT = re.compile(r"^check\.ts\((\d+),\d+\): error (.*(?:\n  .*)*)\n", re.MULTILINE)  # reasons are indented


class Parsed(NamedTuple):
    """errors: the text around each place that is not TraceQL. attributes: "span.channel.name"."""

    errors: tuple[str, ...]
    attributes: tuple[str, ...]


def node() -> str:
    """The program. AssertionError when there is none, or its packages are missing: never a reason to skip."""
    own = Path(sys.executable).parent / "node"
    found = str(own) if own.exists() else shutil.which("node")
    assert found, "Node is not there: run scripts/setup.sh --unit"
    assert _COMPILER.exists(), f"{FOLDER}/node_modules is not complete: run scripts/setup.sh --unit"
    return found


def complaints(dashboards: Mapping[str, Any], folder: Path) -> dict[str, list[str]]:
    """What the TypeScript compiler finds wrong in dashboards, by their names; those without a fault are left out.

    folder: where to write what is compiled.
    """
    lines = [f'import type {{ Dash }} from "{FOLDER}/panels";']
    lines += [f"export const d{at}: Dash = {json.dumps(each)};" for at, each in enumerate(dashboards.values())]
    (folder / "check.ts").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {"extends": str(FOLDER / "tsconfig.json"), "files": ["check.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [node(), str(_COMPILER), "--pretty", "false", "-p", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    found: dict[str, list[str]] = {}
    for line, text in _COMPLAINT.findall(done.stdout):
        found.setdefault(list(dashboards)[int(line) - 2], []).append(text)
    assert (done.returncode != 0) == bool(found), f"tsc answered {done.returncode}: {done.stdout}{done.stderr}"
    assert not _COMPLAINT.sub("", done.stdout), done.stdout
    return found


def traceql(queries: Sequence[str]) -> list[Parsed]:
    """How Grafana's parser reads each query."""
    command = [node(), str(FOLDER / "traceql.mjs")]
    done = subprocess.run(
        command, input=json.dumps(queries), capture_output=True, text=True, timeout=60, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return [Parsed(tuple(each["errors"]), tuple(each["attributes"])) for each in json.loads(done.stdout)]
