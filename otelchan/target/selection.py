"""Which processes a user asked for. One way to say it, for every command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from otelchan.target.types import Process


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with processes that fit everything that is given here; "": not given.

    exe: a glob as in Selection. container: how the id of the container begins. cgroup: a glob of the path of a control
    group, whole, as /proc/PID/cgroup has it after the second colon. namespace, pod, container_name: globs of names in
    Kubernetes, which fit nobody of whom they are not known. exclude: they are not watched. service_name: what they are
    called.
    """

    exe: str = ""
    container: str = ""
    cgroup: str = ""
    namespace: str = ""
    pod: str = ""
    container_name: str = ""
    exclude: bool = False
    service_name: str = ""

    def fits(self, process: Process) -> bool:
        """Whether everything that is given is true of the process."""
        return (
            (not self.exe or matches(process.executable, self.exe))
            and (not self.container or process.container_id.startswith(self.container))
            and (not self.cgroup or any(fnmatchcase(path, self.cgroup) for path in process.cgroups))
            and _named(process.namespace, self.namespace)
            and _named(process.pod_name, self.pod)
            and _named(process.container_name, self.container_name)
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Exactly one of pids, exe and all is given. pids: these processes. exe: globs over executable paths, as the
    processes see them. all: every Go process that this agent may see. With exe and all, processes that start later are
    meant too, and what follows narrows them.

    include: only those that match one of these globs. exclude: not those that match one of these. rules: the first that
    fits a process says whether it is meant and what it is called, the name also of one that was given by its id.
    A glob is as in the shell, but `*` matches slashes too; it is compared with the whole path when it has a slash
    ("/srv/*"), else with the file's name ("api-*").
    """

    pids: tuple[int, ...] = ()
    exe: tuple[str, ...] = ()
    all: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    @property
    def searches(self) -> bool:
        """Whether processes are looked for, so that more may come later."""
        return self.all or bool(self.exe)

    def may_want(self, executable: str) -> bool:
        """Whether processes of that executable may be meant, by its path alone: rules may still exclude them."""
        return (
            (self.all or _any(executable, self.exe))
            and (not self.include or _any(executable, self.include))
            and not _any(executable, self.exclude)
        )

    def wants(self, process: Process) -> bool:
        """Whether a process is meant."""
        if self.pids:
            return process.pid in self.pids
        rule = self._rule(process)
        return self.may_want(process.executable) and not (rule is not None and rule.exclude)

    def named(self, process: Process) -> Process:
        """The process as the rules call it; as it calls itself when they do not."""
        rule = self._rule(process)
        return replace(process, service_name=rule.service_name) if rule and rule.service_name else process

    def _rule(self, process: Process) -> Rule | None:
        return next((rule for rule in self.rules if rule.fits(process)), None)

    def __str__(self) -> str:
        """As it was written on the command line."""
        said = [str(pid) for pid in self.pids] + [f"--exe {glob}" for glob in self.exe] + ["--all"] * self.all
        said += [f"--include {glob}" for glob in self.include] + [f"--exclude {glob}" for glob in self.exclude]
        return " ".join(said)


def matches(executable: str, glob: str) -> bool:
    """Whether the path of an executable matches a glob of a Selection."""
    return fnmatchcase(executable if "/" in glob else PurePosixPath(executable).name, glob)


def _named(name: str, glob: str) -> bool:
    return not glob or bool(name and fnmatchcase(name, glob))


def _any(executable: str, globs: tuple[str, ...]) -> bool:
    return any(matches(executable, glob) for glob in globs)
