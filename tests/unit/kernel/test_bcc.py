"""What is said when BCC fails: one sentence from what it raised and printed."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from otelchan.kernel.bcc import explain, source_file

ROOT = Path(__file__).parents[3]
CHILD = ROOT / "otelchan" / "kernel" / "bcc_child.py"
VERIFIER = """bpf: Failed to load program: Permission denied
0: R1=ctx(off=0,imm=0) R10=fp0
; return p->time;
9: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0

HINT: The 'map_value_or_null' error can happen if you dereference a pointer value from a map lookup.
"""


@pytest.mark.parametrize(
    ("answer", "output", "sentence"),
    [
        (
            {"failed": "import", "reason": "No module named 'bcc'"},
            "",
            "/usr/bin/python3 cannot import BCC (No module named 'bcc'); "
            "install it (Debian, Ubuntu: apt-get install python3-bpfcc)",
        ),
        (
            {"failed": "compile", "reason": "Failed to compile BPF module"},
            "warning: x\n/b/x.c:7:1: error: unknown type name 'u65'\n1 error generated.\n/b/x.c:9:1: error: y\n",
            "BCC cannot compile x.c: /b/x.c:7:1: error: unknown type name 'u65'; use other kernel headers, or libbpf",
        ),
        (
            {"failed": "compile", "reason": "Failed to compile BPF module x.c"},
            "",
            "BCC cannot compile x.c: Failed to compile BPF module x.c; use other kernel headers, or libbpf",
        ),
        (
            {"failed": "compile", "reason": "Failed to compile BPF module"},
            "could not open bpf map: events, error: Operation not permitted\n",
            "loading a BPF program is not permitted; run as root or with CAP_BPF and CAP_PERFMON "
            "(`otelchan doctor` shows what is missing)",
        ),
        (
            {"failed": "compile", "reason": "Failed to compile BPF module"},
            "could not open bpf map: parked, error: Cannot allocate memory\n",
            "the kernel refused a BPF map: parked, error: Cannot allocate memory; run `otelchan doctor`",
        ),
        (
            {"failed": "load", "reason": "Failed to load BPF program b'oc_dispatch': Permission denied"},
            VERIFIER,
            "the kernel refused the BPF program: Permission denied; the verifier's last words: "
            "R0 invalid mem access 'map_value_or_null'; run `otelchan doctor`",
        ),
        (
            {"failed": "load", "reason": "Need super-user privileges to run"},
            "",
            "loading a BPF program is not permitted; run as root or with CAP_BPF and CAP_PERFMON "
            "(`otelchan doctor` shows what is missing)",
        ),
        (
            {},
            "LLVM ERROR: out of memory\n",
            "the child that runs BCC ended with status -6: LLVM ERROR: out of memory; try again, or use "
            "`--backend libbpf`",
        ),
    ],
    ids=["import", "compile", "no detail", "permission", "map", "verifier", "super-user", "crash"],
)
def test_each_failure_is_one_sentence(answer: dict[str, str], output: str, sentence: str) -> None:
    """What failed, the decisive line of what was printed, and the way out."""
    assert sentence == explain(answer, -6, output, "x.c")


def test_a_clone_compiles_its_own_source() -> None:
    """Not a copy that `make build` has put into the package some time."""
    assert ROOT / "bpf" / "otelchan.bpf.c" == source_file()


def test_the_child_needs_nothing_of_otelchan() -> None:
    """It is run by a Python that has none of our packages; one without BCC says so over the socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {"maps": None, "socket": theirs.fileno(), "seconds": 30}
    with ours, theirs:
        # Without site-packages: the standard library only.
        command = [os.path.realpath(sys.executable), "-I", "-S", str(CHILD), json.dumps(request)]
        done = subprocess.run(command, pass_fds=[theirs.fileno()], capture_output=True, text=True, check=False)
        answer = json.loads(ours.recv(1 << 16))

    assert ("", 0) == (done.stderr, done.returncode)
    assert {"failed": "import", "reason": "No module named 'bcc'"} == answer
