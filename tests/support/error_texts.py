"""Every sentence in the package that says what has gone wrong: of errors, of warnings, and of what is put into these.

Read from the source, so nothing that is written there is left out. A value that is put into a text is an ellipsis; a
constant of the module, a local variable or the result of a function of the same module is followed to its words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice, product
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
VALUE = "…"
PYTHONS = frozenset({"ValueError", "OSError", "PermissionError", "RuntimeError", "TimeoutError", "LookupError"})
"""Raised within the package and shown as the end of another sentence, if at all."""
LOGGED = frozenset({"warning", "error", "exception", "critical"})
OURS = {"Problem": 1, "Missing": 0, "wrong": 0, "remark": 1, "_leave_out": 2, "failed": 1, "ArgumentTypeError": 0}
"""What else is handed a sentence, and as which argument."""
WRITTEN = {
    "otelchan/config/status.py": "refused",
    "otelchan/config/values.py": "wrong",
    "otelchan/config/endpoints.py": "_DOUBTFUL",
    "otelchan/config/otel.py": "_ONLY",
    "otelchan/config/document.py": "unknown",
    "otelchan/dumps.py": "_answer",
    "otelchan/kernel/session.py": "_REASONS",
    "otelchan/telemetry/advice.py": "",
    "otelchan/telemetry/otlpgrpc.py": "_advice",
}
"""Functions and tables whose sentences are handed on from one module to another; "" is the whole module."""
_MOST_WAYS = 64  # of putting one text together
_LEAST_LETTERS = 12  # "pid …: …" says nothing itself


class Said(NamedTuple):
    """A text. where: file and line. how: what is raised or called with it."""

    where: str
    how: str
    text: str

    @property
    def has_words(self) -> bool:
        """Whether it says anything itself: "pid …: …" only passes on what others said."""
        return len(re.findall(r"[A-Za-z]", self.text)) >= _LEAST_LETTERS


def texts(package: Path = ROOT / "otelchan") -> list[Said]:
    """All of them, in the order of files and lines."""
    modules = [Module(path, package.parent) for path in sorted(package.rglob("*.py"))]
    errors = _errors(modules)
    return [said for module in modules for said in module.texts(errors)]


def _errors(modules: list[Module]) -> frozenset[str]:
    """Names of OtelchanError, of what derives from it, and of other exceptions of the package."""
    found = {"Exception", *PYTHONS}
    classes = [node for module in modules for node in module.nodes if isinstance(node, ast.ClassDef)]
    while more := {c.name for c in classes if any(name_of(base) in found for base in c.bases)} - found:
        found |= more
    return frozenset(found - {"Exception"})


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name; "" for anything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class Module:
    """One source file."""

    def __init__(self, path: Path, root: Path) -> None:
        self.name = str(path.relative_to(root))
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.nodes = list(ast.walk(self.tree))

    @cached_property
    def _functions(self) -> dict[str, ast.FunctionDef]:
        return {node.name: node for node in self.nodes if isinstance(node, ast.FunctionDef)}

    @cached_property
    def _constants(self) -> dict[str, ast.expr]:
        return {
            name_of(target): node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
        }

    def texts(self, errors: frozenset[str]) -> Iterator[Said]:
        """What is said in it."""
        for call in (node for node in self.nodes if isinstance(node, ast.Call)):
            for argument in _sentences(call, errors):
                for text in sorted(set(self._ways(argument, self._enclosing.get(call)))):
                    yield Said(f"{self.name}:{call.lineno}", name_of(call.func), _ellipses(text))
        if self.name in WRITTEN:
            yield from self._written(WRITTEN[self.name])

    def _written(self, name: str) -> Iterator[Said]:
        """Every sentence in a function or a table, whatever is done with it."""
        top: list[ast.AST] = [n for n in (self._functions.get(name), self._constants.get(name)) if n]
        documented = {id(node.value) for node in self.nodes if isinstance(node, ast.Expr)}
        for node in (node for part in top or [self.tree] for node in _outermost(part)):
            if id(node) not in documented:
                for text in self._ways(node, None):
                    if " " in text.strip() and not text.isupper():
                        yield Said(f"{self.name}:{node.lineno}", name, _ellipses(text))

    @cached_property
    def _enclosing(self) -> dict[ast.AST, ast.FunctionDef]:
        """The innermost function around each node."""
        return {node: function for function in self._functions.values() for node in ast.walk(function)}

    def _ways(self, node: ast.expr, inside: ast.FunctionDef | None, depth: int = 0) -> list[str]:
        """The texts that an expression can be."""
        if isinstance(node, ast.Constant):
            return [str(node.value)]
        if depth > 6:
            return [VALUE]
        parts: list[ast.expr] = []
        if isinstance(node, ast.JoinedStr):
            parts = node.values
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [node.left, node.right]
        if parts:
            ways = product(*(self._ways(part, inside, depth + 1) for part in parts))
            return ["".join(way) for way in islice(ways, _MOST_WAYS)]
        return [
            way
            for origin in self._origins(node, inside)
            for way in self._ways(origin, self._functions.get(name_of(_called(node)), inside), depth + 1)
        ] or [VALUE]

    def _origins(self, node: ast.expr, inside: ast.FunctionDef | None) -> list[ast.expr]:
        """The expressions whose value this one has; none when that is not followed."""
        if isinstance(node, ast.FormattedValue):
            return [node.value] if isinstance(node.value, ast.Name | ast.IfExp | ast.Call) else []
        if isinstance(node, ast.IfExp):
            return [node.body, node.orelse]
        if isinstance(node, ast.BoolOp):
            return node.values
        if isinstance(node, ast.Call):
            function = self._functions.get(name_of(node.func))
            returns = ast.walk(function) if function else iter(())
            return [r.value for r in returns if isinstance(r, ast.Return) and r.value and _is_text(r.value)]
        if isinstance(node, ast.Name):
            assigned = [
                a.value
                for a in (ast.walk(inside) if inside else ())
                if isinstance(a, ast.Assign) and any(name_of(target) == node.id for target in a.targets)
            ]
            return assigned or [c for name, c in self._constants.items() if name == node.id and _is_text(c)]
        return []


def _outermost(node: ast.AST) -> Iterator[ast.expr]:
    """The texts below a node, not the pieces of each."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr) or (isinstance(child, ast.Constant) and isinstance(child.value, str)):
            yield child
        elif not isinstance(child, ast.Compare):
            yield from _outermost(child)


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _is_text(node: ast.expr) -> bool:
    """Whether it may be one: numbers, lists and the like are values."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return isinstance(node, ast.JoinedStr | ast.BinOp | ast.IfExp | ast.Name | ast.Call)


def _sentences(node: ast.Call, errors: frozenset[str]) -> Iterator[ast.expr]:
    """The arguments of a call that are to be read by somebody."""
    name = name_of(node.func)
    if name in LOGGED and isinstance(node.func, ast.Attribute):
        yield from node.args[:1]
    elif name in OURS:
        yield from node.args[OURS[name] : OURS[name] + 1]
    elif name in errors:
        yield from (arg for arg in node.args if not _is_number(arg))
    yield from (keyword.value for keyword in node.keywords if keyword.arg == "advice")


def _is_number(node: ast.expr) -> bool:
    """An error's number, as OSError has it first, and what the kernel says of it."""
    return ast.unparse(node).startswith(("errno.", "-", "number", "ctypes.get_errno", "os.strerror")) or (
        isinstance(node, ast.Constant) and not isinstance(node.value, str)
    )


def _ellipses(text: str) -> str:
    """With what is put in for %d and the like, and several values in a row, as one value."""
    return re.sub(f"{VALUE}+", VALUE, re.sub(r"%[-#.\d]*[a-z]", VALUE, text))
