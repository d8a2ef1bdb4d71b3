"""deploy/systemd: what systemd has against the unit, how open it is, and that unit, pages and program say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelchan.config.folders import DUMPS, IMAGES
from otelchan.config.load import load, problems
from otelchan.kernel.capabilities import Capability
from otelchan.kernel.links import Attach
from otelchan.privileges import needs
from otelchan.status.health import START_S
from otelchan.target.lock import FOLDER as LOCKS
from tests.support import require_kernel

REPO = Path(__file__).resolve().parents[3]
FOLDER = REPO / "deploy" / "systemd"
UNIT = FOLDER / "otelchan.service"
PROGRAM = "/opt/otelchan/bin/otelchan"
OPEN_AT_MOST = 2.9  # of 10, as systemd-analyze security says it


def unit() -> dict[str, list[str]]:
    """Settings of the unit, all values of each; an empty one takes back those before it, and there is none."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            assert value, line
            found.setdefault(name, []).append(value)
    return found


def one(name: str) -> str:
    """A setting that is there once."""
    (value,) = unit()[name]
    return value


def analyse(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """systemd-analyze, which needs no systemd that runs."""
    if not shutil.which("systemd-analyze"):
        require_kernel("there is no systemd-analyze: install Debian's systemd")
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, check=False)


def verified(text: str, folder: Path) -> str:
    """What systemd has against a unit on a machine where its program is installed; "" when nothing. It says that of
    keys that it does not know with status 0."""
    path = folder / UNIT.name
    path.write_text(text.replace(PROGRAM, "/bin/true"), encoding="utf-8")
    return analyse("verify", "--man=no", path).stderr


def test_systemd_has_nothing_against_the_unit(tmp_path: Path) -> None:
    """Not a word."""
    assert "" == verified(UNIT.read_text(encoding="utf-8"), tmp_path)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("ProtectSystem=strict", "ProtectSytem=strict"),
        ("Type=notify", "Type=notifies"),
        ("@system-service", "@system-servic"),
        ("WatchdogSec=60", "WatchdogSec=sixty"),
        ("MemoryMax=512M", "MemoryMax=512Z"),
    ],
)
def test_a_mistake_in_the_unit_is_said(right: str, wrong: str, tmp_path: Path) -> None:
    """The check above can fail. It knows neither capabilities nor programs to reload: other tests do."""
    text = UNIT.read_text(encoding="utf-8")
    assert right in text
    assert "" != verified(text.replace(right, wrong), tmp_path)


def exposure(path: Path) -> float:
    """How open a unit is: 0 to 10."""
    said = analyse("security", "--offline=true", "--no-pager", path).stdout
    (level,) = re.findall(r"Overall exposure level for \S+: (\d+\.\d)", said)
    return float(level)


def test_the_unit_is_hardly_open(tmp_path: Path) -> None:
    """And its page says how open; as root without any of that it would be as open as can be."""
    bare = tmp_path / UNIT.name
    bare.write_text(f"[Service]\nExecStart={PROGRAM} run --all\n", encoding="utf-8")
    assert exposure(UNIT) <= OPEN_AT_MOST < 9 < exposure(bare)
    assert f"says {exposure(UNIT)} of 10" in (FOLDER / "README.md").read_text(encoding="utf-8")


def system_calls(filters: list[str]) -> set[str]:
    """What is let through, as systemd reads lines of SystemCallFilter= of which the first one allows: later ones take
    away or add (systemd.exec(5))."""
    allowed = set(expanded("@default"))
    for line in filters:
        names = {name for word in line.removeprefix("~").split() for name in expanded(word)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    return allowed


def expanded(word: str) -> Iterator[str]:
    """The system calls of a group, and of groups in it."""
    if not word.startswith("@"):
        yield word
        return
    for line in analyse("syscall-filter", "--no-pager", word).stdout.splitlines()[1:]:
        if line.strip() and not line.strip().startswith("#"):
            yield from expanded(line.strip())


def test_the_filter_lets_through_what_is_needed_and_no_more() -> None:
    """In the order of its lines: in another one bpf would be taken away again."""
    filters = unit()["SystemCallFilter"]
    allowed = system_calls(filters)
    needed = {"bpf", "capset", "perf_event_open", "process_vm_readv", "sched_setscheduler", "close_range", "pidfd_open"}
    assert set() == needed - allowed
    refused = {
        "ptrace",
        "process_vm_writev",
        "mount",
        "init_module",
        "kexec_load",
        "setuid",
        "chown",
        "open_by_handle_at",
    }
    assert set() == refused & allowed
    assert "bpf" not in system_calls([filters[2], *filters[:2]])


def test_the_unit_has_the_capabilities_that_are_needed() -> None:
    """All that watching every program takes, with a budget, and what loading takes; the page on permissions has a row
    for each. Ambient, because its user has none by itself."""
    watching = needs(
        searches=True, way=Attach.MULTI, budget=True, maps_alone=True, memory_alone=False, files_alone=True
    )
    wanted = {str(one) for one in (*watching, Capability.BPF)}
    assert wanted == set(one("AmbientCapabilities").split()) == set(one("CapabilityBoundingSet").split())
    page = (REPO / "docs/permissions.md").read_text(encoding="utf-8")
    assert [] == [name for name in wanted if f"| `{name}` |" not in page]


def test_the_unit_makes_the_folders_that_otelchan_uses() -> None:
    """By variables of the XDG Base Directory Specification, because its user is not root."""
    variables = dict(word.split("=") for line in unit()["Environment"] for word in line.split())
    assert IMAGES.parent == Path(variables["XDG_CACHE_HOME"]) / one("CacheDirectory")
    assert DUMPS.parent == Path(variables["XDG_STATE_HOME"]) / one("StateDirectory")
    assert LOCKS == Path("/run") / one("RuntimeDirectory")


def test_the_start_may_take_as_long_as_elsewhere() -> None:
    """As /healthz says."""
    assert START_S == float(one("TimeoutStartSec"))
    assert not {"CPUQuota", "RestrictRealtime", "ProtectProc", "PrivateUsers"} & unit().keys()


def test_it_ends_before_the_network_does() -> None:
    """What it sends at its end still arrives. It waits for no network: an order behind a target that nobody asks for
    (systemd.special(7), network-online.target) is no order at all."""
    assert "network.target" == one("After")
    assert not {"Wants", "Requires", "Before"} & unit().keys()


def test_its_settings_are_right() -> None:
    """The file that comes with the unit, and the variables in its other file, are as otelchan takes them."""
    assert [] == problems(str(FOLDER / "otelchan.yaml"))
    lines = (FOLDER / "otelchan.env").read_text(encoding="utf-8").splitlines()
    assert [] == [line for line in lines if line and not line.startswith("#")]
    examples = dict(line.removeprefix("# ").split("=", 1) for line in lines if re.match(r"# [A-Z_]+=", line))
    assert {"authorization": "Bearer secret"} == dict(load(None, examples, {}).otlp.headers)


def test_the_page_says_where_each_file_goes() -> None:
    """Every file of the folder is in its table and in the commands of docs/install.md, and is there."""
    page, commands = (path.read_text(encoding="utf-8") for path in (FOLDER / "README.md", REPO / "docs/install.md"))
    files = {path.name for path in FOLDER.iterdir()} - {"README.md"}
    rows = dict(re.findall(r"^\| `(otelchan\.\S+)` \| `(\S+)` \|", page, re.M))
    assert files == rows.keys()
    assert [] == [name for name, place in rows.items() if f" {name} {place}\n" not in commands]
