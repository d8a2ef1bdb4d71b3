"""A /proc that a test writes, with only the processes that it wants."""

from __future__ import annotations

from pathlib import Path


class Proc:
    """A /proc in a folder. files: where executables are."""

    def __init__(self, root: Path) -> None:
        self.path = root / "proc"
        self.files = root / "files"
        self.path.mkdir()
        self.files.mkdir()
        (self.path / "stat").write_text("cpu  1 2 3\nbtime 1700000000\nprocesses 99\n")
        (self.path / "self").symlink_to("1")

    def program(self, name: str) -> Path:
        """An executable file."""
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        return path

    def add(
        self,
        pid: int,
        executable: Path,
        *,
        name: str = "api",
        state: str = "S",
        start: int = 500,
        stack: int = 0x7FFC0000,
        leader: int = 0,
        environment: bytes = b"",
        cgroup: str = "0::/\n",
        maps: str = "",
        command: bytes = b"api\0--port\0" + b"80\0",
    ) -> Path:
        """A process. Fields of stat that nobody asks for are numbers of no meaning."""
        folder = self.path / str(pid)
        folder.mkdir(exist_ok=True)
        fields = [state, *(str(900 + n) for n in range(4, 53))]
        fields[22 - 3], fields[28 - 3] = str(start), str(stack)
        (folder / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")
        (folder / "status").write_text(f"Name:\t{name}\nTgid:\t{leader or pid}\nPid:\t{pid}\n")
        (folder / "exe").unlink(missing_ok=True)
        (folder / "exe").symlink_to(executable)
        (folder / "cmdline").write_bytes(command)
        (folder / "environ").write_bytes(environment)
        (folder / "cgroup").write_text(cgroup)
        (folder / "maps").write_text(maps)
        return folder
