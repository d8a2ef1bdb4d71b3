"""Profiler labels of goroutines: how Go keeps them, and which of them say what request a goroutine works for.

runtime/pprof.SetGoroutineLabels has g.labels point to a labelMap (src/runtime/pprof/label.go): until Go 1.23 that is a
map[string]string, since Go 1.24 a slice of pairs of strings.
"""

from __future__ import annotations

import re
from enum import IntEnum

_FIRST_WITH_LIST = 24

LABEL_NAMES = (
    "trace_id",
    "span_id",
    "profile_id",
    "otel.traceid",
    "traceID",
    "traceid",
    "trace id",
    "span id",
)
"""All labels that are ever read; model/request.py says what each means. 16 bytes each, at most (OC_LABEL_NAMES)."""

LONGEST_NAME, LONGEST_VALUE = 16, 32
"""Bytes: of a name; of a value, which is a trace id in hexadecimal digits."""


class LabelForm(IntEnum):
    """enum oc_label_form: what g.labels points to."""

    UNKNOWN = 0
    MAP = 1
    LIST = 2


def label_form(release: str) -> LabelForm:
    """The form of a release ("go1.26.8"). Not known for what came before the first release of Go 1.24: it may have
    either one."""
    found = re.search(r"go1\.(\d+)", release)
    if found is None:
        return LabelForm.UNKNOWN
    minor = int(found[1])
    if minor == _FIRST_WITH_LIST and re.match(r"devel |go1\.\d+(?:-devel|rc|beta)", release):
        return LabelForm.UNKNOWN
    return LabelForm.LIST if minor >= _FIRST_WITH_LIST else LabelForm.MAP
