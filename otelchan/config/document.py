"""A configuration file as it is written: YAML with the line of each setting, and everything that is wrong with it.

PyYAML takes the last of two equal keys without a word; here that is an error, at every depth. Merge keys (`<<`) are not
settings; an alias (`*name`) may stand for a whole section or value.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

from otelchan.config.leaves import LEAVES, SECTIONS
from otelchan.errors import UsageError

_MAPPING, _MERGE = "tag:yaml.org,2002:map", "tag:yaml.org,2002:merge"


class Entry(NamedTuple):
    """A setting in a file. line: of its key, the first is 1."""

    key: str
    value: Any
    line: int


class Problem(NamedTuple):
    """Something wrong in a file. sentence: without the place."""

    line: int
    sentence: str


def read(path: str) -> tuple[list[Entry], list[Problem]]:
    """The settings of a file, and what is wrong with its form. A setting without a value is not given.

    Raises UsageError when the file cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UsageError(f"cannot read the configuration file {path}: {reason}; give another --config") from error
    try:
        return _settings_of(yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        return [], [_not_yaml(error)]
    except RecursionError:
        return [], [Problem(1, "brackets are nested too deeply; a configuration file has three levels at most")]


def unknown(key: str) -> str:
    """The sentence about a key that is no setting."""
    near = difflib.get_close_matches(key, LEAVES, n=1, cutoff=0.0)
    return f"unknown setting {key}; the nearest known one is {near[0]}, see docs/configuration.md"


def _not_yaml(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    return Problem(mark.line + 1 if mark else 1, f"{problem}; the configuration file must be YAML")


def _settings_of(root: yaml.Node | None) -> tuple[list[Entry], list[Problem]]:
    entries: list[Entry] = []
    problems: list[Problem] = []
    if root is None or _is_null(root):
        return entries, problems
    if not isinstance(root, yaml.MappingNode) or root.tag != _MAPPING:
        sentence = "the configuration file must be a mapping of settings; see docs/configuration.md"
        return entries, [Problem(_line(root), sentence)]
    _Walk(entries, problems).section(root, "")
    return entries, problems


class _Walk(NamedTuple):
    """Through the mappings of settings, gathering what is there."""

    entries: list[Entry]
    problems: list[Problem]

    def section(self, node: yaml.MappingNode, prefix: str) -> None:
        self.problems.extend(_repeated(node, prefix))
        for name, value in node.value:
            key = prefix + _text(name)
            if "." in _text(name) and key in SECTIONS | LEAVES.keys():
                sentence = f"{_text(name)} is written with a dot; write each part on a line of its own, indented"
                self.problems.append(Problem(_line(name), sentence))
            elif key in SECTIONS:
                self._sub_section(key, value)
            elif key in LEAVES:
                self._leaf(key, _line(name), value)
            elif name.tag == _MERGE:
                sentence = "the merge key << is not known here; write an alias in place of a whole section"
                self.problems.append(Problem(_line(name), sentence))
            else:
                self.problems.append(Problem(_line(name), unknown(key)))

    def _sub_section(self, key: str, value: yaml.Node) -> None:
        if isinstance(value, yaml.MappingNode) and value.tag == _MAPPING:
            self.section(value, f"{key}.")
        elif not _is_null(value):
            sentence = f"{key} is {_text(value)}, but must be a mapping of settings; see docs/configuration.md"
            self.problems.append(Problem(_line(value), sentence))

    def _leaf(self, key: str, line: int, node: yaml.Node) -> None:
        try:
            value = SafeConstructor().construct_document(node)
        except (ConstructorError, ValueError, OverflowError) as error:  # `!!int x`, `2024-13-01`
            reason = getattr(error, "problem", None) or str(error)
            self.problems.append(Problem(_line(node), f"{key} cannot be read: {reason}; see docs/configuration.md"))
            return
        repeated = list(_repeated_below(node, key))
        self.problems.extend(repeated)
        if value is not None and not repeated:
            self.entries.append(Entry(key, value, line))


def _repeated_below(node: yaml.Node, key: str) -> Iterator[Problem]:
    """The same in a value; only headers and the entries of lists are mappings, and what is deeper is wrong anyway."""
    if isinstance(node, yaml.MappingNode):
        yield from _repeated(node, f"{key}.")
    elif isinstance(node, yaml.SequenceNode):
        for number, entry in enumerate(node.value):
            if isinstance(entry, yaml.MappingNode):
                yield from _repeated(entry, f"{key}[{number}].")


def _repeated(node: yaml.MappingNode, prefix: str) -> Iterator[Problem]:
    """Keys that are there already."""
    lines: dict[str, int] = {}
    for name, _ in node.value:
        text = _text(name)
        if text in lines:
            yield Problem(_line(name), f"{prefix}{text} is there twice, in line {lines[text]} too; leave one out")
        lines.setdefault(text, _line(name))


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _text(node: yaml.Node) -> str:
    """As it is written, if it is short."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value) if len(node.value) <= 100 else f"{node.value[:100]}…"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
