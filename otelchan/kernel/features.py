"""What this machine's kernel and libraries can do, found by trying, never by version numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from otelchan.errors import KernelError
from otelchan.kernel import libbpf
from otelchan.kernel.bcc import bcc_version, require_headers
from otelchan.kernel.links import Attach, choose_attach, require_bpf
from otelchan.kernel.loaders import OBJECT, Backend, load

T = TypeVar("T")
_FEW_ENTRIES = 64


@dataclass(frozen=True, slots=True)
class Features:
    """reasons: field -> why it is missing, and what to do. None, or False: missing.

    libbpf, bcc: versions. object: path of the compiled BPF object. headers: for which kernel release, for BCC; any
    serve (see headers). bpf_allowed: a program can be loaded at all. multi, perf: ways of attaching that work.
    backend, attach: what "auto" takes, and the kernel has taken the program so.
    """

    libbpf: str | None = None
    object: str | None = None
    bcc: str | None = None
    headers: str | None = None
    bpf_allowed: bool = False
    multi: bool = False
    perf: bool = False
    backend: Backend | None = None
    attach: Attach | None = None
    reasons: dict[str, str] = field(default_factory=dict)


def probe_features() -> Features:
    """Load the program as it would be loaded, try links that cannot be; attaches nothing."""
    reasons: dict[str, str] = {}

    def tried(name: str, trial: Callable[[], T]) -> T | None:
        try:
            return trial()
        except KernelError as error:
            reasons[name] = str(error)
            return None

    def load_now() -> Backend | None:
        return _load(attach) if attach else None

    allowed = tried("bpf_allowed", require_bpf) is not None
    multi = tried(Attach.MULTI, lambda: choose_attach(Attach.MULTI)) if allowed else None
    perf = tried(Attach.PERF, lambda: choose_attach(Attach.PERF)) if allowed else None
    attach = multi or perf
    return Features(
        libbpf=tried("libbpf", libbpf.version),
        object=tried("object", lambda: str(libbpf.require_object(OBJECT))),
        bcc=tried("bcc", bcc_version),
        headers=tried("headers", lambda: require_headers().release),
        bpf_allowed=allowed,
        multi=multi is not None,
        perf=perf is not None,
        backend=tried("backend", load_now),
        attach=attach,
        reasons=reasons,
    )


def _load(attach: Attach) -> Backend:
    backend, loaded = load("auto", attach, _FEW_ENTRIES)
    loaded.close()
    return backend
