"""The JSON documents are what docs/*-json.md and docs/snapshots.md say they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otelchan.model.types import Request
from otelchan.view.census import census_document
from otelchan.view.chain import chain_document
from otelchan.view.diff import diff_document
from otelchan.view.findings import findings_document
from otelchan.view.goroutines_json import goroutine_lines
from otelchan.view.plan import plan_document
from otelchan.view.top_text import frame_document
from tests.support import chains, compared, looks, previews, tops

DOCS = Path(__file__).parents[3] / "docs"
OPEN_OBJECTS = (
    "goroutines.by_wait_reason",
    "processes[].planes",
    "processes[].losses",
    "processes[].findings[].facts",
    "processes[].unknown",
    "programs[].planes",
    "programs[].losses",
    "channels[].states",
)
NAMES = (
    "census-json.md",
    "chain-json.md",
    "findings-json.md",
    "plan-json.md",
    "goroutines-json.md",
    "snapshots.md",
    "top-json.md",
)
REQUEST = Request(bytes.fromhex("0af7651916cd43dd8448eb211c80319c"), bytes.fromhex("b7ad6b7169203331"))
FRAME = {"function", "file", "line"}


def documents() -> dict[str, dict[str, Any]]:
    """A document of each shape, by the name of its description."""
    seen = looks.PROCESS, looks.image(), looks.census(), looks.NAMES
    return {
        "census-json.md": census_document(*seen),
        "chain-json.md": chain_document(chains.seen()),
        "findings-json.md": findings_document([(looks.PROCESS, [looks.FINDING], looks.snapshot())]),
        "goroutines-json.md": json.loads("".join(goroutine_lines(*seen, requests={42: REQUEST}))),
        "snapshots.md": diff_document(compared.before(), compared.after(), 10),
        "plan-json.md": plan_document([previews.tried()], [previews.REFUSED]),
        "top-json.md": json.loads(json.dumps(frame_document(tops.frame()))),
    }


def key_paths(value: object, path: str = "") -> Iterator[str]:
    """ "parked[].waits[].name" for every key; not below frames, nor below objects whose keys are data."""
    if isinstance(value, list):
        for item in value:
            yield from key_paths(item, path)
    elif isinstance(value, dict) and path not in OPEN_OBJECTS and set(value) != FRAME:
        for key, item in value.items():
            full = (f"{path}.{key}" if path else key) + ("[]" if isinstance(item, list) else "")
            yield full
            yield from key_paths(item, full)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_in_the_description_is_what_the_code_makes(name: str) -> None:
    """The example is the document of a program made by hand in tests/support (looks, previews), to the letter."""
    example = (DOCS / name).read_text().partition("```json\n")[2].partition("```")[0]
    assert documents()[name] == json.loads(example)


@pytest.mark.parametrize("name", NAMES)
def test_the_description_has_a_row_for_every_key_and_no_other(name: str) -> None:
    """A key without a meaning, and a meaning without a key, are both mistakes."""
    rows = [line for line in (DOCS / name).read_text().splitlines() if line.startswith("| `")]
    described = {key for row in rows for key in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert set(key_paths(documents()[name])) == described
