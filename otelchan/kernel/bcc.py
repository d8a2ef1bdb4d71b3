"""The kernel side compiled here by BCC, in a short-lived child: what it compiles with takes 140 MB, and goes with it.

BCC (checked with 0.26, Debian 12) lives in the system's Python, so the child is bcc_child.py run by that one.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from otelchan.errors import KernelError
from otelchan.kernel.headers import Headers, find_headers
from otelchan.kernel.links import NOT_PERMITTED

PYTHON = Path("/usr/bin/python3")
INSTALL = "install it (Debian, Ubuntu: apt-get install python3-bpfcc)"
INSTALL_HEADERS = "install some (Debian: apt-get install linux-headers-amd64, Ubuntu: linux-headers-generic)"
TIMEOUT_S = 60.0
_CHILD = Path(__file__).with_name("bcc_child.py")
_PACKAGE = Path(__file__).parent.parent
_SOURCE = "otelchan.bpf.c"
_MOST_DESCRIPTORS = 64


class BccObject:
    """One source file, compiled and loaded into the kernel by a child that is gone again."""

    def __init__(
        self,
        source: Path,
        program: str,
        attach_type: int,
        maps: Sequence[str],
        defines: Mapping[str, int],
        timeout_s: float = TIMEOUT_S,
        also: Sequence[str] = (),
    ) -> None:
        """Compile `source` with `defines` and load `program`, and more of them; the named maps can be had from map_fd.

        Raises KernelError: no BCC, no headers, does not compile, not allowed, refused by the verifier, too slow.
        """
        headers = require_headers()
        flags = ["-DOC_BCC", *(f"-D{name}={value}" for name, value in defines.items())]
        request = {
            "source": str(source),
            "programs": [program, *also],
            "attach_type": attach_type,
            "maps": list(maps),
            "flags": [*flags, f"-I{source.parent}", *headers.flags],
        }
        self._fds = _ask(request, {"BCC_KERNEL_SOURCE": str(headers.source)}, timeout_s)[1]
        self.program_fds = {name: self._fds[name] for name in (program, *also)}
        self.program_fd = self.program_fds[program]

    def map_fd(self, name: str) -> int:
        """Descriptor of a map, owned by this object."""
        return self._fds[name]

    def close(self) -> None:
        """Unload."""
        while self._fds:
            os.close(self._fds.popitem()[1])


def bcc_version() -> str:
    """For example "0.26.0". Raises KernelError when BCC cannot be had."""
    return str(_ask({"maps": None}, {}, TIMEOUT_S)[0]["version"])


def source_file() -> Path:
    """The C source: of this clone, else what was installed with the package. Raises KernelError."""
    for folder in (_PACKAGE.parent / "bpf", _PACKAGE / "bpf"):
        if (folder / _SOURCE).is_file():
            return folder / _SOURCE
    raise KernelError(f"{_PACKAGE / 'bpf' / _SOURCE} does not exist, which BCC compiles; install otelchan again")


def require_headers() -> Headers:
    """Any there are. Raises KernelError when there are none."""
    found = find_headers(os.uname().release)
    if found is None:
        raise KernelError(
            f"BCC needs kernel headers, and there are none in /lib/modules or /usr/src; {INSTALL_HEADERS}"
        )
    return found


def _ask(request: dict[str, Any], env: dict[str, str], timeout_s: float) -> tuple[dict[str, Any], dict[str, int]]:
    """The child's answer, and the descriptors by name. Raises KernelError."""
    if not PYTHON.exists():
        raise KernelError(f"BCC needs {PYTHON}, which does not exist; {INSTALL}")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request |= {"socket": theirs.fileno(), "seconds": int(timeout_s) + 5}
    with ours, theirs, os.fdopen(os.memfd_create("output"), "w+b") as output:
        child = subprocess.Popen(
            # -I: neither this folder, whose types.py is not Python's, nor PYTHON* variables
            [str(PYTHON), "-I", str(_CHILD), json.dumps(request)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **env},
            pass_fds=(theirs.fileno(),),
            start_new_session=True,  # an interrupt from the terminal is for the agent
        )
        theirs.close()
        answer: dict[str, Any] = {}
        try:
            answer, fds = _receive(ours, timeout_s)
            if not answer:  # it closed the socket by ending: let it say how
                with suppress(subprocess.TimeoutExpired):
                    child.wait(timeout_s)
        finally:
            child.kill()  # it has nothing more to do, and would take its time to clean up
            status = child.wait()
        if "failed" in answer or not answer:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise KernelError(explain(answer, status, text, str(request.get("source"))))
    return answer, dict(zip(answer["fds"], fds, strict=True))


def _receive(ours: socket.socket, timeout_s: float) -> tuple[dict[str, Any], list[int]]:
    ours.settimeout(timeout_s)
    try:
        data, fds, _, _ = socket.recv_fds(ours, 1 << 16, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    except TimeoutError as error:
        raise KernelError(f"BCC did not finish within {timeout_s:g} s; try again, or use `--backend libbpf`") from error
    return json.loads(data) if data else {}, fds


def explain(answer: Mapping[str, Any], status: int, output: str, source: str) -> str:
    """One sentence about a failure. answer: the child's, empty when it gave none. output: what BCC printed."""
    stage, reason = answer.get("failed"), str(answer.get("reason"))
    if stage == "import":
        return f"{PYTHON} cannot import BCC ({reason}); {INSTALL}"
    if "Operation not permitted" in output or "super-user" in reason:
        return f"loading a BPF program is not permitted; {NOT_PERMITTED}"
    if found := re.search(r"could not open bpf map: (.*)", output):
        return f"the kernel refused a BPF map: {found[1]}; run `otelchan doctor`"
    if stage == "compile":
        found = re.search(r"\S+:\d+:\d+: (?:fatal )?error: .*", output)
        return f"BCC cannot compile {source}: {found[0] if found else reason}; use other kernel headers, or libbpf"
    if stage == "load":
        # Before the line that sums up, and the hint that BCC adds to it, is what was wrong.
        lines = [line for line in output.partition("\nprocessed ")[0].splitlines() if line]
        detail = f"; the verifier's last words: {lines[-1]}" if lines else ""
        return f"the kernel refused the BPF program: {reason.rpartition(': ')[2]}{detail}; run `otelchan doctor`"
    last = output.strip()[-200:]
    return f"the child that runs BCC ended with status {status}: {last}; try again, or use `--backend libbpf`"
