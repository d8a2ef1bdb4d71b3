"""The kinds of executable that Go builds, each as what it takes to build one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.support.gobuild import build

_STATIC = "-ldflags=-linkmode=external -extldflags=-static"


class Kind(NamedTuple):
    """flags, environment: of `go build`. cannot: phases of the workload everyop that it does not survive."""

    name: str
    what: str
    flags: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    cannot: tuple[str, ...] = ()

    def build(self, workload: str, go: str) -> Path:
        """That workload, of this kind, by that release ("1.26.8")."""
        return build(workload, go=go, flags=self.flags, environment=dict(self.environment))


_CGO = (("CGO_ENABLED", "1"),)

KINDS = (
    Kind("plain", "`go build`"),
    Kind("stripped", "no symbols, no DWARF: `-ldflags='-s -w'`", ("-ldflags=-s -w",)),
    Kind("pie", "position independent: `-buildmode=pie`", ("-buildmode=pie",)),
    Kind(
        "cgo", "with cgo, linked by the C linker: `-ldflags=-linkmode=external`", ("-ldflags=-linkmode=external",), _CGO
    ),
    Kind(
        "cgo stripped pie",
        "the same, stripped and position independent",
        ("-buildmode=pie", "-ldflags=-linkmode=external -s -w"),
        _CGO,
    ),
    Kind("static", "with cgo, static: `-extldflags=-static`", (_STATIC,), _CGO),
    Kind("race", "with the race detector: `-race`", ("-race",), _CGO),
    Kind("trimpath", "without folders in file names: `-trimpath`", ("-trimpath",)),
    Kind("unoptimised", "for a debugger: `-gcflags=all='-N -l'`", ("-gcflags=all=-N -l",)),
    Kind("v3", "for newer processors: `GOAMD64=v3`", (), (("GOAMD64", "v3"),)),
    Kind("experiment", "`GOEXPERIMENT=fieldtrack`", (), (("GOEXPERIMENT", "fieldtrack"),)),
    Kind(
        "other layout",
        "an experiment that moves the runtime's fields: `GOEXPERIMENT=staticlockranking`",
        (),
        (("GOEXPERIMENT", "staticlockranking"),),
        cannot=("select",),  # it lets nobody hold more than ten locks, and a select locks each of its channels
    ),
)
