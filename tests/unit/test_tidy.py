"""The shape of the source: which way imports point, and who may touch the machine. Each rule is a pure function over
source text, shown to catch an offender that the test writes, then run over the whole package.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "otelchan"
STAGES = ("target", "gobinary", "plan", "kernel", "memory", "model", "findings", "telemetry", "view")
COMPOSITION = (
    "agent",
    "service",
    "status",
    "watch",
    "rationing",
    "slicing",
    "beside",
    "watches",
    "births",
    "opening",
    "executables",
    "sharing",
    "probes",
    "looks",
    "records",
    "aims",
    "objectives",
    "arrivals",
    "programs",
    "costs",
    "preview",
    "trial",
    "standing",
    "supervisor",
    "privileges",
    "postmortem",
    "dumps",
    "recording",
    "report",
    "tap",
    "cli",
    "arguments",
    "commands",
    "doctor",
    "troubleshooting",
    "testing",
    "__main__",
)  # see every stage
LEAVES = ("errors", "clock", "events", "files", "journal")  # may be imported by everyone
SETTINGS_READERS = ("telemetry", "findings")  # stages that take their settings as values of types in config
RUN_BY_PATH = ("otelchan.kernel.bcc_child", "otelchan.kernel.calibration_child")
"""Programs of their own, which have no other module of otelchan: nothing that a test or a replay would set."""
MOST_LINES = 300
MOST_PICTURE_BYTES = 200_000
CLOCK_READS = {
    "time": ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
             "process_time_ns", "thread_time", "thread_time_ns", "clock_gettime", "clock_gettime_ns"),
    "datetime": ("now", "utcnow", "today"),
    "date": ("today",),
}  # fmt: skip


class Source(NamedTuple):
    """One module. name: dotted, "otelchan.memory.census"."""

    name: str
    text: str

    @property
    def part(self) -> str:
        """The stage or top-level module that this belongs to: "memory"; "" for the package itself."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""


def sources() -> list[Source]:
    """Every module of the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Source(name, path.read_text()))
    return found


def module_names() -> set[str]:
    """Dotted names of all modules and packages of otelchan."""
    return {source.name for source in sources()}


def imports(source: Source, modules: set[str]) -> Iterator[tuple[str, int]]:
    """Every module that is imported anywhere in the source, also inside functions, with its line."""
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.name}:{node.lineno}: write imports in full, not relative"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in modules else str(node.module)), node.lineno


def wrong_arrows(source: Source, modules: set[str]) -> list[str]:
    """Imports that the direction of the architecture forbids, as "module:line imports other"."""
    return [
        f"{source.name}:{line} imports {imported}"
        for imported, line in imports(source, modules)
        if imported.startswith("otelchan.") and not arrow_allowed(source, imported)
    ]


def arrow_allowed(source: Source, imported: str) -> bool:
    """Whether a module may import another one of otelchan."""
    other = imported.split(".")[1]
    if source.part in COMPOSITION or other in LEAVES or other == source.part:
        return True
    if source.part not in STAGES:  # errors, clock, config and the package itself import nothing of otelchan but leaves
        return False
    if other == "config":
        return source.part in SETTINGS_READERS
    to_the_left = other in STAGES and STAGES.index(other) < STAGES.index(source.part)
    return to_the_left and imported == f"otelchan.{other}.types"


def ctypes_uses(source: Source, modules: set[str]) -> list[str]:
    """Imports of ctypes outside the stages that talk to the kernel."""
    if source.part in ("kernel", "memory"):
        return []
    return [f"{source.name}:{line}" for name, line in imports(source, modules) if name.split(".")[0] == "ctypes"]


def environment_reads(source: Source) -> list[str]:
    """Reads of the environment outside config."""
    if source.part == "config":
        return []
    found = []
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            names, line = {node.attr}, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            names, line = {alias.name for alias in node.names}, node.lineno
        else:
            continue
        if {"environ", "environb", "getenv", "getenvb"} & names:
            found.append(f"{source.name}:{line}")
    return found


def clock_reads(source: Source) -> list[str]:
    """Reads of the time outside clock."""
    if source.part == "clock" or source.name in RUN_BY_PATH:
        return []
    found = []
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if node.attr in CLOCK_READS.get(owner, ()):
                found.append(f"{source.name}:{node.lineno}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{source.name}:{node.lineno}" for alias in node.names if alias.name in CLOCK_READS["time"]]
    return found


def undocumented(source: Source) -> list[str]:
    """Modules with code, public classes and public functions without a docstring."""
    tree = ast.parse(source.text)
    found = [] if ast.get_docstring(tree) or not tree.body else [source.name]
    return found + [f"{source.name}.{name}" for name in _undocumented_in(tree)]


def _undocumented_in(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    for child in node.body:
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or child.name.startswith("_"):
            continue
        if not ast.get_docstring(child):
            yield child.name
        if isinstance(child, ast.ClassDef):
            yield from (f"{child.name}.{name}" for name in _undocumented_in(child))


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("otelchan.memory.census", "from otelchan.model.types import Snapshot"),
        ("otelchan.view.census", "from otelchan.memory.census import take"),
        ("otelchan.view.census", "def late():\n    import otelchan.memory.census"),
        ("otelchan.memory.census", "from otelchan.config import Config"),
        ("otelchan.clock", "from otelchan.target.types import Process"),
        ("otelchan.telemetry.export", "from otelchan import agent"),
    ],
)
def test_an_arrow_that_points_the_wrong_way_is_caught(importer: str, statement: str) -> None:
    """A stage that imports a later stage, or more of an earlier one than its types, is named."""
    modules = {"otelchan.agent", "otelchan.memory.census"}
    assert 1 == len(wrong_arrows(Source(importer, statement), modules))


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("otelchan.view.census", "from otelchan.memory import types"),
        ("otelchan.memory.census", "from otelchan.memory.reader import LiveReader"),
        ("otelchan.memory.census", "from otelchan.errors import MemoryGone"),
        ("otelchan.telemetry.export", "from otelchan.config import Endpoint"),
        ("otelchan.telemetry.resource", "from otelchan import __version__"),
        ("otelchan.agent", "from otelchan.kernel.session import Session"),
    ],
)
def test_an_arrow_that_points_the_right_way_is_not_caught(importer: str, statement: str) -> None:
    """Types of stages to the left, modules of the same stage, leaves, and everything for the composition root."""
    assert [] == wrong_arrows(Source(importer, statement), {"otelchan.memory.types"})


def test_imports_point_one_way() -> None:
    """No stage knows a stage after it, nor more of a stage before it than its types."""
    modules = module_names()
    assert [] == [arrow for source in sources() for arrow in wrong_arrows(source, modules)]


def test_every_part_of_the_package_has_its_place_in_the_order() -> None:
    """A package or module that is neither a stage, nor a leaf, nor the composition root has no place."""
    known = {"", *STAGES, *COMPOSITION, *LEAVES, "config"}
    assert set() == {source.part for source in sources()} - known


def test_ctypes_is_used_by_kernel_and_memory_only() -> None:
    """System calls by hand stay in the two stages that are about the kernel."""
    assert ["otelchan.view.x:1"] == ctypes_uses(Source("otelchan.view.x", "import ctypes.util"), set())
    assert [] == [use for source in sources() for use in ctypes_uses(source, set())]


def test_the_environment_is_read_by_config_only() -> None:
    """So that precedence is decided in one place."""
    offender = "import os\nhome = os.environ['HOME']\nfrom os import getenv"
    assert ["otelchan.view.x:2", "otelchan.view.x:3"] == sorted(environment_reads(Source("otelchan.view.x", offender)))
    assert [] == [read for source in sources() for read in environment_reads(source)]


def test_the_time_is_read_by_clock_only() -> None:
    """So that a test or a replay has one clock to set."""
    offender = "import time, datetime\ntime.sleep(1)\ntime.monotonic()\ndatetime.datetime.now()"
    assert ["otelchan.view.x:3", "otelchan.view.x:4"] == sorted(clock_reads(Source("otelchan.view.x", offender)))
    assert [] == [read for source in sources() for read in clock_reads(source)]


def test_what_is_run_by_its_path_is_alone() -> None:
    """It is started with the path of its file, where otelchan may not be importable."""
    alone = [source for source in sources() if source.name in RUN_BY_PATH]
    assert len(RUN_BY_PATH) == len(alone)
    assert [] == [source.name for source in alone if "import otelchan" in source.text or "from otelchan" in source.text]


def test_files_are_short() -> None:
    """A module longer than the limit is two ideas in one room."""
    assert [] == [source.name for source in sources() if len(source.text.splitlines()) > MOST_LINES]


def test_everything_public_says_what_it_means() -> None:
    """Modules, public classes and public functions have docstrings."""
    offender = "def shown(): ...\ndef _hidden(): ...\nclass Thing:\n    'A thing.'\n    def method(self): ..."
    assert ["x", "x.shown", "x.Thing.method"] == undocumented(Source("x", offender))
    assert [] == [name for source in sources() for name in undocumented(source)]


def test_every_test_states_its_sentence() -> None:
    """A test without a docstring does not say which behaviour it is about."""
    silent = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert [] == silent


@pytest.mark.parametrize(("document", "most"), [("README.md", 120), ("ARCHITECTURE.md", 200)])
def test_what_everybody_reads_is_short(document: str, most: int) -> None:
    """Lines that nobody reads help nobody."""
    assert len((ROOT / document).read_text().splitlines()) <= most


def test_links_between_documents_lead_somewhere() -> None:
    """A file that was moved is found by those that point to it."""
    broken = []
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("collector-config/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            if not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)} -> {target}")
    assert [] == broken


def test_no_binary_is_kept_in_git() -> None:
    """What is compiled or recorded is made when it is needed; a file with a NUL byte is such a thing. Pictures in the
    documentation are not, and are small."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is nothing to look at")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
    files = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    pictures = [path for path in files if path.suffix == ".png" and path.parent == ROOT / "docs" / "images"]
    assert [] == [path.name for path in pictures if path.stat().st_size > MOST_PICTURE_BYTES]
    binaries = [path for path in files if path not in pictures and b"\0" in path.read_bytes()]
    assert [] == [str(path.relative_to(ROOT)) for path in binaries]
