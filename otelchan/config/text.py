"""The configuration as people read it: the effective settings with their sources, and a file to start from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from otelchan.config.leaves import LEAVES, Leaf
from otelchan.config.load import BUILT_IN, Loaded
from otelchan.config.settings import Config
from otelchan.config.values import shown

SCHEMA_FILE = "otelchan.schema.json"
_HEAD = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
#
# All settings of otelchan with their defaults, commented out: take away the # of what is to be different.
# Editors check the file by the first line, once the schema is there: otelchan config schema >{SCHEMA_FILE}
# Check it yourself: otelchan config validate FILE. A running agent reads it again at SIGHUP.
"""


def effective(loaded: Loaded) -> str:
    """The settings as YAML, each with its source, unit and meaning. Secrets are masked, each on a line of its own:
    without those lines the text is a configuration file that says the same."""
    lines = ["# Effective settings. Sources, weakest first: built-in, file, OTEL_* and OTELCHAN_* variables, flags."]
    for prefix, leaf in _in_sections(lines):
        value = shown(leaf, value_of(loaded.config, leaf.key))
        about = [loaded.sources.get(leaf.key, BUILT_IN), *([leaf.unit] if leaf.unit else []), _brief(leaf)]
        first, *more = _lines(leaf, value)
        lines += [f"{prefix}{first}  # {'; '.join(about)}", *(prefix + line for line in more)]
    return "\n".join(lines) + "\n"


def as_document(loaded: Loaded) -> dict[str, Any]:
    """{key: {"value", "source"}}, secrets masked."""
    return {
        key: {
            "value": shown(leaf, value_of(loaded.config, key)),
            "source": loaded.sources.get(key, BUILT_IN),
        }
        for key, leaf in LEAVES.items()
    }


def defaults() -> str:
    """A complete file in which nothing is set yet."""
    lines = [_HEAD.rstrip("\n")]
    for prefix, leaf in _in_sections(lines):
        unit = f" Unit: {leaf.unit}." if leaf.unit else ""
        reload = "" if leaf.reload else " A change needs a restart."
        about = f"{leaf.text}{unit} Allowed: {leaf.allowed}.{reload}"
        lines += ["", *(f"{prefix}# {line}" for line in textwrap.wrap(about, 110))]
        lines += [f"{prefix}#{line}" for line in _lines(leaf, leaf.default)]
    return "\n".join(lines) + "\n"


def value_of(config: Config, key: str) -> Any:
    """One setting by its dotted key."""
    found: Any = config
    for name in key.split("."):
        found = getattr(found, name)
    return found


def _in_sections(lines: list[str]) -> Iterator[tuple[str, Leaf]]:
    """Every setting with its indentation; the header of its section is written before the first."""
    known: set[str] = set()
    for leaf in LEAVES.values():
        path = leaf.key.split(".")[:-1]
        for depth in range(len(path)):
            section = ".".join(path[: depth + 1])
            if section not in known:
                known.add(section)
                lines += ["", f"{'  ' * depth}{path[depth]}:"]
        yield "  " * len(path), leaf


def _lines(leaf: Leaf, value: Any) -> list[str]:
    name = leaf.key.rpartition(".")[2]
    if isinstance(value, dict) and value:
        return [f"{name}:", *(f"  {scalar(key)}: {scalar(item)}" for key, item in value.items())]
    return [f"{name}: {'off' if leaf.off and value == 'off' else scalar(value)}" if value is not None else f"{name}:"]


def scalar(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    import yaml  # 2 MB, which an agent without a file needs at a reload only

    text: str = yaml.safe_dump(value, default_flow_style=True, width=1 << 30)
    line = text.removesuffix("\n").removesuffix("\n...")
    if "\n" in line:
        line = yaml.safe_dump(value, default_style='"', width=1 << 30).removesuffix("\n")
    return line


def _brief(leaf: Leaf) -> str:
    """The beginning of what it means."""
    return leaf.text.split(". ")[0].split("; ")[0].removesuffix(".")
