"""Doctor's lines."""

from __future__ import annotations

import io

from otelchan.view.doctor import doctor_document, is_ready, print_doctor
from otelchan.view.types import FAULT, NOTE, OK, Check

GOOD = Check("kernel", OK, "Linux 6.18 x86_64")
LIMIT = Check("privileges", NOTE, "user 1000", "other users' programs cannot be read")
BAD = Check("libbpf", FAULT, "not found", "apt-get install libbpf1")


def test_each_line_is_ok_or_what_to_do() -> None:
    """Status, subject, what is there, and after an arrow the advice."""
    out = io.StringIO()
    print_doctor([GOOD, BAD], out)
    assert [
        "ok     kernel  Linux 6.18 x86_64",
        "FAULT  libbpf  not found -> apt-get install libbpf1",
        "",
        "not ready: 1 of 2 checks failed",
    ] == out.getvalue().splitlines()


def test_a_note_does_not_stand_in_the_way() -> None:
    """It works, with a limit worth knowing."""
    assert is_ready([GOOD, LIMIT])
    assert not is_ready([GOOD, BAD])


def test_the_document_has_the_same_in_keys() -> None:
    """For scripts: version, ready, checks."""
    assert {
        "version": 1,
        "ready": False,
        "checks": [{"subject": "libbpf", "status": "fault", "found": "not found", "advice": "apt-get install libbpf1"}],
    } == doctor_document([BAD])
