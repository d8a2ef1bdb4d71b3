"""docs/troubleshooting.md quotes messages that the code has, to the letter."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VALUE = "…"


def source_texts() -> list[str]:
    """Every text in the package, with each value that is put into it as an ellipsis."""
    texts = []
    for path in sorted((ROOT / "otelchan").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (value.value if isinstance(value, ast.Constant) else VALUE for value in node.values)
                texts.append("".join(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"%[-#.\d]*[a-z]", VALUE, node.value))
    return texts


def quoted() -> list[str]:
    """The messages in the first column of the tables."""
    rows = (ROOT / "docs" / "troubleshooting.md").read_text().splitlines()
    found = [re.match(r"\| `([^`]+)`", row) for row in rows]
    return [match[1] for match in found if match]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Read once."""
    return source_texts()


@pytest.mark.parametrize("message", quoted())
def test_a_quoted_message_is_one_that_the_code_has(message: str, texts: list[str]) -> None:
    """Somebody who searches for what was printed finds it."""
    assert any(message in text for text in texts), f"no text in otelchan/ has {message!r}"


def test_messages_are_quoted_at_all() -> None:
    """The tables have the form that this test reads."""
    assert len(quoted()) > 20
