"""Compiles and loads the kernel side with BCC, hands the descriptors over, and exits. Run by Debian's own Python.

One argument, JSON: socket, source, programs, attach_type, maps, flags, seconds. The answer on the socket is JSON too:
{"version": ..., "fds": [names]} with the descriptors in that order, or {"failed": "import" | "compile" | "load" |
"hand over", "reason": ...}. What BCC and its compiler print goes to stdout and stderr.

It is no module of otelchan: it imports the standard library and bcc only. With `"maps": null` it only says its version.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from typing import Any

MOST = 2000  # characters of a reason


def load(request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
    """The answer and the descriptors that go with it. They end with this process, so they must be sent before."""
    try:
        import bcc  # type: ignore[import-not-found,unused-ignore]
        from bcc import BPF
    except ImportError as error:
        return {"failed": "import", "reason": str(error)[:MOST]}, []
    answer = {"version": bcc.__version__, "fds": []}
    if request["maps"] is None:
        return answer, []
    try:
        compiled = BPF(src_file=request["source"], cflags=request["flags"])
    except Exception as error:  # BCC raises nothing more special
        return {"failed": "compile", "reason": str(error)[:MOST]}, []
    try:
        kind = {"prog_type": BPF.KPROBE, "attach_type": request["attach_type"]}
        loaded = [compiled.load_func(name, **kind) for name in request["programs"]]
    except Exception as error:
        return {"failed": "load", "reason": str(error)[:MOST]}, []
    answer["fds"] = [*request["programs"], *request["maps"]]
    return answer, [*(program.fd for program in loaded), *(compiled[name].map_fd for name in request["maps"])]


def main() -> None:
    """Answer the one request."""
    request = json.loads(sys.argv[1])
    signal.alarm(request["seconds"])  # ends it also when the agent is not there any more to do so
    with socket.socket(fileno=request["socket"]) as agent:
        answer, descriptors = load(request)
        socket.send_fds(agent, [json.dumps(answer).encode()], descriptors)


if __name__ == "__main__":
    main()
