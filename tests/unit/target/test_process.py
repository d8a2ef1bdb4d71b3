"""Processes from a /proc that the test writes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from otelchan.errors import TargetError
from otelchan.gobinary.types import Segment
from otelchan.target import proc as files
from otelchan.target.process import by_pid, is_same, listing, load_bias, selected
from otelchan.target.selection import Rule, Selection
from otelchan.target.types import Process
from tests.support.proc import Proc

TICKS = os.sysconf("SC_CLK_TCK")
DOCKER = "4a" * 32
INNER = "5b" * 32


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    """An empty one."""
    return Proc(tmp_path)


def test_a_process_is_described(proc: Proc) -> None:
    """Everything that Process has, from the files that say it."""
    program = proc.program("srv/api")
    proc.add(42, program, start=250, environment=b"PATH=/bin\0OTEL_SERVICE_NAME=prices\0HOME=/\0")
    status = program.stat()

    assert Process(
        pid=42,
        start_ticks=250,
        created_unix_ns=1_700_000_000_000_000_000 + 250 * 1_000_000_000 // TICKS,
        executable=str(program),
        executable_key=(status.st_dev, status.st_ino),
        open_path=str(proc.path / "42" / "exe"),
        command=("api", "--port", "80"),
        service_name="prices",
        container_id="",
        stack_start=0x7FFC0000,
        cgroups=("/",),
    ) == by_pid(42, proc.path)


def test_a_name_may_look_like_fields(proc: Proc) -> None:
    """The command's name may have spaces and parentheses."""
    proc.add(42, proc.program("api"), name=") R 1 (x", start=777)

    assert 777 == by_pid(42, proc.path).start_ticks


@pytest.mark.parametrize("letter", ["\x0b", "\r", "\x1c", "\x85", "\u2028"])
def test_only_a_new_line_ends_a_line(proc: Proc, letter: str) -> None:
    """The kernel escapes no other: names of threads, files and control groups may have what Python takes for one."""
    pod, container = "00000000-1111-4222-8333-444444444444", "5b" * 32
    program = proc.program("api")
    key = program.stat()
    device = f"{os.major(key.st_dev):02x}:{os.minor(key.st_dev):02x}"
    maps = f"400000-500000 r-xp 0 {device} {key.st_ino} {program}\n7f0000-7f1000 r--p 0 00:01 7 /tmp/a{letter}b\n"
    cgroup = f"1:name=x:/a{letter}0::/b\n0::/c\n"
    folder = proc.add(42, program, name=f"{letter}Tgid:1", cgroup=cgroup, maps=maps)
    mount = f"1 2 0:3 /pods/{pod}/etc-hosts /etc/hosts rw - ext4 /dev/x rw"
    (folder / "mountinfo").write_text(f"7 2 0:3 /x{letter}{mount}\n8 2 0:3 /{letter} / rw - tmpfs {container} rw\n")

    process = by_pid(42, proc.path)

    assert (f"/a{letter}0::/b", "/c") == process.cgroups
    assert "" == process.pod_uid
    assert 0 == load_bias(process, [Segment(0x400000, 0, 0x1000, 0x1000, executable=True, writable=False)], proc.path)


def test_what_a_program_makes_of_its_environment_is_not_read_without_end(proc: Proc) -> None:
    """prctl(2), PR_SET_MM_MAP, lets any program say that it has gigabytes of arguments and environment."""
    folder = proc.add(42, proc.program("api"))
    for name in ("environ", "cmdline"):
        with (folder / name).open("wb") as file:
            file.write(b"OTEL_SERVICE_NAME=prices\0")
            file.truncate(1 << 40)

    process = by_pid(42, proc.path)

    assert "prices" == process.service_name
    assert sum(len(word) + 1 for word in process.command) <= 1 << 17


@pytest.mark.parametrize(
    "environment", [b"", b"NOT_OTEL_SERVICE_NAME=x\0", b"A=OTEL_SERVICE_NAME=x\0", b"OTEL_SERVICE_NAMES=x\0"]
)
def test_only_the_one_variable_is_taken(proc: Proc, environment: bytes) -> None:
    """Nothing that only looks like it."""
    proc.add(42, proc.program("api"), environment=environment)

    assert "" == by_pid(42, proc.path).service_name


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        (f"0::/system.slice/docker-{DOCKER}.scope\n", DOCKER),
        (f"12:memory:/docker/{DOCKER}\n11:cpu:/docker/{DOCKER}\n", DOCKER),
        (f"0::/kubepods.slice/kubepods-pod1234.slice/cri-containerd-{DOCKER}.scope\n", DOCKER),
        (f"0::/docker/{DOCKER}/kubepods/pod7/{INNER}\n", INNER),
        (f"0::/x{DOCKER}0\n", ""),
        ("0::/user.slice/user-0.slice/session-3.scope\n", ""),
        ("", ""),
    ],
)
def test_the_container_is_in_the_cgroup(proc: Proc, cgroup: str, expected: str) -> None:
    """Version 1 and 2, several runtimes, the inner one of two."""
    proc.add(42, proc.program("api"), cgroup=cgroup)

    assert expected == by_pid(42, proc.path).container_id


def test_what_is_hidden_is_empty(proc: Proc) -> None:
    """An environment that may not be read is no reason not to watch."""
    folder = proc.add(42, proc.program("api"))
    (folder / "environ").unlink()
    (folder / "cgroup").unlink()

    process = by_pid(42, proc.path)
    assert ("", "", "") == (process.service_name, process.container_id, process.pod_uid)


def test_a_replaced_executable_keeps_its_path(proc: Proc) -> None:
    """A program that was updated on disk while it runs."""
    folder = proc.add(42, proc.program("api"))
    proc.program("api (deleted)")
    (folder / "exe").unlink()
    (folder / "exe").symlink_to(proc.files / "api (deleted)")

    assert str(proc.files / "api") == by_pid(42, proc.path).executable


def test_no_such_process(proc: Proc) -> None:
    """What, value, next step."""
    with pytest.raises(TargetError, match=r"there is no running process 42; look its id up again"):
        by_pid(42, proc.path)


def test_a_zombie_is_no_running_process(proc: Proc) -> None:
    """It has exited, only nobody has asked how."""
    proc.add(42, proc.program("api"), state="Z")

    with pytest.raises(TargetError, match="there is no running process 42"):
        by_pid(42, proc.path)


def test_a_thread_is_not_a_process(proc: Proc) -> None:
    """The sentence says which process it belongs to."""
    proc.add(43, proc.program("api"), leader=42)

    with pytest.raises(TargetError, match="43 is a thread of process 42; give 42 instead"):
        by_pid(43, proc.path)


def test_a_kernel_thread_has_no_executable(proc: Proc) -> None:
    """So there is nothing to watch."""
    folder = proc.add(2, proc.program("api"))
    (folder / "exe").unlink()

    with pytest.raises(TargetError, match="process 2 has no executable"):
        by_pid(2, proc.path)


def test_somebody_elses_process_is_refused_with_advice(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    """readlink of its executable is not permitted."""
    proc.add(42, proc.program("api"))

    def refuse(path: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "readlink", refuse)
    with pytest.raises(TargetError, match="process 42 belongs to somebody else; run as root, or with CAP_SYS_PTRACE"):
        by_pid(42, proc.path)


def test_a_listing_has_what_can_be_seen(proc: Proc) -> None:
    """In the order of process ids; no zombies, no kernel threads, no other folders."""
    for pid in (100, 9, 42):
        proc.add(pid, proc.program("api"))
    proc.add(43, proc.program("api"), state="Z")
    (proc.add(44, proc.program("api")) / "exe").unlink()
    (proc.path / "sys").mkdir()

    assert [9, 42, 100] == [process.pid for process in listing(proc.path)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("api-*", [1, 3]),
        ("api", []),
        ("*/srv/*", [1, 2]),
        ("*/api-[12]", [1, 3]),
        ("/nowhere/*", []),
    ],
)
def test_executables_are_matched_by_path_or_by_name(proc: Proc, pattern: str, expected: list[int]) -> None:
    """A pattern with a slash means the whole path, one without the file's name."""
    for pid, name in ((1, "srv/api-1"), (2, "srv/job"), (3, "opt/api-2")):
        proc.add(pid, proc.program(name))

    assert expected == [process.pid for process in selected(Selection(exe=(pattern,)), proc.path)]


def test_processes_that_are_meant_have_the_name_that_the_rules_give(proc: Proc) -> None:
    """It goes before what the process calls itself."""
    proc.add(1, proc.program("srv/api"), environment=b"OTEL_SERVICE_NAME=own\0")
    proc.add(2, proc.program("srv/job"), environment=b"OTEL_SERVICE_NAME=own\0")
    rules = (Rule(exe="api", service_name="front"),)

    found = selected(Selection(exe=("*/srv/*",), rules=rules), proc.path)

    assert [(1, "front"), (2, "own")] == [(process.pid, process.service_name) for process in found]


def test_the_paths_of_control_groups_are_known(proc: Proc) -> None:
    """Of every hierarchy, of version 1 too, each once; a path may have colons."""
    text = "12:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/user.slice/a:b\n"
    proc.add(1, proc.program("api"), cgroup=text)

    assert by_pid(1, proc.path).cgroups == ("/docker/abc", "/user.slice/a:b")


def test_a_process_stays_the_same_while_it_runs(proc: Proc) -> None:
    """Its state and everything it does may change."""
    proc.add(42, proc.program("api"))
    process = by_pid(42, proc.path)
    proc.add(42, proc.program("api"), state="R", environment=b"X=1\0", command=b"renamed\0")

    assert is_same(process, proc.path)


def test_another_process_with_its_id_is_not_the_same(proc: Proc) -> None:
    """It started later, or it runs another file, or the same file anew, or it has exited."""
    api = proc.program("api")
    proc.add(42, api)
    process = by_pid(42, proc.path)
    for change in ({"start": 501}, {"stack": 0x7FFD0000}, {"state": "Z"}):
        proc.add(42, api, **change)
        assert not is_same(process, proc.path), change
    proc.add(42, proc.program("job"))
    assert not is_same(process, proc.path)
    proc.add(42, api)
    assert is_same(process, proc.path)
    assert not is_same(
        process._replace(pid=43) if hasattr(process, "_replace") else replace(process, pid=43), proc.path
    )


def test_an_unknown_start_of_the_stack_says_nothing(proc: Proc) -> None:
    """It is hidden from who may not trace the process, so it may appear or vanish with privileges."""
    proc.add(42, proc.program("api"), stack=0)
    process = by_pid(42, proc.path)
    proc.add(42, proc.program("api"), stack=0x7FFC0000)

    assert is_same(process, proc.path)
    assert is_same(by_pid(42, proc.path), proc.path)


TEXT = Segment(0x401000, 0x1000, 0x80000, 0x80000, executable=True, writable=False)
RODATA = Segment(0x482000, 0x82000, 0x60000, 0x60000, executable=False, writable=False)
DATA = Segment(0x4E2000, 0xE2000, 0x5000, 0x20000, executable=False, writable=True)


def maps(proc: Proc, executable: Path, *lines: str) -> Process:
    """A process with these mappings; {exe} is the executable's path, {key} its device and inode."""
    status = executable.stat()
    key = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x} {status.st_ino}"
    text = "".join(f"{line.format(exe=executable, key=key)}\n" for line in lines)
    proc.add(42, executable, maps=text)
    return by_pid(42, proc.path)


@pytest.mark.parametrize("bias", [0, 0x555555554000])
def test_the_bias_is_that_of_the_code(proc: Proc, bias: int) -> None:
    """Not of the first line, which may be the heap, nor of the first mapping of the executable."""
    process = maps(
        proc,
        proc.program("api"),
        "00200000-00300000 rw-p 00000000 00:00 0 ",
        f"{bias + 0x400000:x}-{bias + 0x401000:x} r--p 00000000 {{key}} {{exe}}",
        f"{bias + 0x401000:x}-{bias + 0x481000:x} r-xp 00001000 {{key}} {{exe}}",
        f"{bias + 0x482000:x}-{bias + 0x4E2000:x} r--p 00082000 {{key}} {{exe}}",
        "7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0 [vdso]",
    )

    assert bias == load_bias(process, [TEXT, RODATA, DATA], proc.path)


def test_code_that_was_split_is_found_by_its_beginning(proc: Proc) -> None:
    """Somebody changed the protection of a part: the rest has offsets that are no segment's."""
    process = maps(
        proc,
        proc.program("api"),
        "00501000-00502000 r-xp 00001000 {key} {exe}",
        "00502000-00503000 rwxp 00002000 {key} {exe}",
        "00503000-00581000 r-xp 00003000 {key} {exe}",
    )

    assert 0x100000 == load_bias(process, [TEXT, RODATA, DATA], proc.path)


def test_the_executable_is_known_by_inode_or_by_path(proc: Proc) -> None:
    """The path differs in another mount namespace, the device on some file systems."""
    api = proc.program("api")
    by_inode = maps(proc, api, "00401000-00481000 r-xp 00001000 {key} /elsewhere/api (deleted)")
    assert 0 == load_bias(by_inode, [TEXT], proc.path)
    by_path = maps(proc, api, "00401000-00481000 r-xp 00001000 00:31 12345 {exe}")
    assert 0 == load_bias(by_path, [TEXT], proc.path)


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ((), 0),
        (("00401000-00481000 r-xp 00000000 00:00 0 ",), 0),
        (("00401000-00481000 r--p 00001000 {key} {exe}",), 0),
        (("00401000-00481000 r-xp 00001000 {key} {exe}", "00901000-00981000 r-xp 00001000 {key} {exe}"), 2),
    ],
)
def test_code_that_is_not_mapped_once_is_refused(proc: Proc, lines: tuple[str, ...], count: int) -> None:
    """Text that was copied to anonymous memory, or mapped twice: never guessed."""
    process = maps(proc, proc.program("api"), *lines)

    with pytest.raises(TargetError, match=f"process 42 maps {count} places as the code of"):
        load_bias(process, [TEXT, RODATA, DATA], proc.path)


def test_a_process_that_is_gone_has_no_bias(proc: Proc) -> None:
    """It exited between the look and the question."""
    process = maps(proc, proc.program("api"))

    with pytest.raises(TargetError, match="there is no running process 43"):
        load_bias(replace(process, pid=43), [TEXT], proc.path)


def test_this_very_process_is_found() -> None:
    """In the real /proc."""
    process = by_pid(os.getpid())

    assert is_same(process)
    assert process in selected(Selection(exe=(process.executable,)))


def test_an_executable_may_have_any_name(proc: Proc) -> None:
    """Bytes that are no text are replaced: who encodes the path later must not fail of it."""
    folder = proc.add(42, proc.program("api"))
    (folder / "exe").unlink()
    (folder / "exe").symlink_to(os.fsdecode(b"/srv/shop\xff (deleted)"))
    assert "/srv/shop\ufffd" == files.executable(folder)
