"""Make the root file system of the image: Debian's Python and libraries without Debian, around otelchan.

    root.py unpack FOLDER           first
    root.py finish FOLDER VERSION   when otelchan and what it needs are in FOLDER/usr/local/lib/python3.11/dist-packages

Called by the Dockerfile beside it. Needs Debian with apt-get and dpkg-deb, Python of the same version as in the image,
and llvm-readelf. The same packages give the same bytes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
SITE = "usr/local/lib/python3.11/dist-packages"
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
"""As in Debian; packages that have files in /lib would make folders of them otherwise."""
FOLDERS = ("dev", "proc", "sys", "run/otelchan", "var/cache/otelchan", "var/lib/otelchan", "root", "tmp")
"""Where a container mounts something, or otelchan writes when a volume is there."""
NOT_NEEDED = (
    "etc/cron*", "etc/update-motd.d", "etc/skel", "usr/bin/*-linux-gnu-*", "usr/bin/py3*", "usr/bin/pydoc*",
    "usr/bin/pygettext*", "usr/bin/pdb3*", "usr/lib/*/gconv", "usr/lib/*/audit",
    "usr/lib/*/engines-3", "usr/lib/valgrind", "usr/share/apps", "usr/share/binfmts", "usr/share/bug", "usr/share/gcc",
    "usr/share/gdb", "usr/share/lintian", "usr/share/locale", "usr/share/man", "usr/share/info", "usr/share/python3",
    "usr/share/menu", "usr/share/dict", "usr/share/applications", "usr/share/pixmaps", "var/backups", "var/local",
    "var/mail", "var/spool", "opt", "srv", "media", "mnt", "home", "boot", "usr/games", "usr/include", "usr/src",
    "usr/lib/python3.11/ensurepip", "usr/lib/python3.11/idlelib", "usr/lib/python3.11/pydoc_data",
    "usr/lib/python3.11/turtle*", "usr/lib/python3.11/test", "usr/lib/python3.11/config-3.11-*",
    *(f"usr/lib/python3.11/lib-dynload/{each}*" for each in ("_crypt", "_curses", "_dbm", "_gdbm", "_sqlite3")),
    "usr/lib/python3.11/lib-dynload/nis*", "usr/lib/python3.11/lib-dynload/readline*",
    f"{SITE}/bin", f"{SITE}/share", f"{SITE}/capstone/include", f"{SITE}/numpy/**/tests", f"{SITE}/numpy/_core/include",
    f"{SITE}/numpy/_core/lib", f"{SITE}/numpy/distutils", f"{SITE}/numpy/f2py", f"{SITE}/numpy/random/lib",
    f"{SITE}/numpy/random/_examples", f"{SITE}/numpy/typing/tests", f"{SITE}/**/*.pyi", f"{SITE}/**/*.pxd",
    f"{SITE}/**/*.pyx", f"{SITE}/**/*.a", f"{SITE}/**/__pycache__",
)  # fmt: skip
"""Documentation, what a shell, a compiler or Debian's installer uses, and modules whose libraries are not there."""
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "usr/bin/otelchan": "#!/usr/bin/python3 -P\nfrom otelchan.__main__ import run\n\nraise SystemExit(run())\n",
}


def packages() -> list[str]:
    """Names of packages.txt."""
    lines = (line.split("#")[0].strip() for line in (HERE / "packages.txt").read_text().splitlines())
    return [line for line in lines if line]


def unpack(root: Path) -> None:
    """Debian's packages, each with its control file where scanners look for it (as in distroless images)."""
    for link, target in LINKS.items():
        (root / target).mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(target)
    known = root / "var/lib/dpkg/status.d"
    known.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *packages(), cwd=Path(folder))
        for archive in sorted(Path(folder).glob("*.deb")):
            files = subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], check=True, capture_output=True).stdout
            subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", root], input=files, check=True)
            (known / archive.name.split("_")[0]).write_text(run("dpkg-deb", "--field", str(archive)))


def prune(root: Path) -> None:
    """Take away what is not needed; of documentation the licences stay."""
    for pattern in NOT_NEEDED:
        for path in sorted(root.glob(pattern)):
            remove(path)
    for path in sorted((root / "usr/share/doc").glob("*/*")):
        if path.name != "copyright":
            remove(path)


def remove(path: Path) -> None:
    """A file, a link or a folder; one may have gone with its parent."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def add(root: Path) -> None:
    """Our own files and folders."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "usr/bin/otelchan").chmod(0o755)
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "root").chmod(0o700)
    (root / "tmp").chmod(0o1777)


def compile_python(root: Path) -> None:
    """Byte code, for the file system is read only: without it each start would compile for seconds. It is never checked
    against its source, so that times of files do not matter."""
    modes = ["--invalidation-mode", "unchecked-hash", "-q", "-s", str(root), "-p", "/"]
    for folder in (root / "usr/lib/python3.11", root / "usr/lib/python3", root / SITE):
        if folder.exists():
            run(sys.executable, "-m", "compileall", *modes, str(folder))


def missing_libraries(root: Path) -> list[str]:
    """What executables and libraries ask for and nobody brings, as "file: library"."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink() and is_elf(path)]
    there = {path.name for path in root.rglob("*.so*")}
    return [f"{path.relative_to(root)}: {name}" for path in files for name in needed(path) if name not in there]


def is_elf(path: Path) -> bool:
    """Whether it starts like one."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def needed(path: Path) -> Iterator[str]:
    """Names of libraries in its dynamic section."""
    for found in re.finditer(r"\(?NEEDED\)?\s+Shared library: \[(.+)\]", run("llvm-readelf", "-d", str(path))):
        yield found[1]


def settle(root: Path, seconds: int) -> None:
    """Nobody but root may write anything, nothing gives more rights, and nothing says when it was built."""
    for path in [root, *sorted(root.rglob("*"))]:
        if not path.is_symlink() and path != root / "tmp":
            path.chmod(path.stat().st_mode & 0o755)
        os.chown(path, 0, 0, follow_symlinks=False)
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def run(*command: str, cwd: Path | None = None) -> str:
    """What a command prints. Raises SystemExit with its own words when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:2])} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def finish(root: Path, version: str) -> None:
    """From packages to what is shipped. Raises SystemExit with one sentence when a library is missing."""
    prune(root)
    add(root)
    compile_python(root)
    if missing := missing_libraries(root):
        raise SystemExit(
            f"libraries are missing in the image, add their packages to packages.txt: {', '.join(missing)}"
        )
    run(sys.executable, str(HERE / "sbom.py"), str(root), version)
    settle(root, int(os.environ.get("SOURCE_DATE_EPOCH") or 0))


def main(step: str, folder: str, version: str = "") -> None:
    """One of the two steps."""
    if step == "unpack":
        unpack(Path(folder).absolute())
    else:
        finish(Path(folder).absolute(), version)


if __name__ == "__main__":
    main(*sys.argv[1:])
