"""What facts about a machine and a program mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otelchan.doctor.cgroup import cgroup_path
from otelchan.doctor.checks import CAPABILITIES, check_machine, check_program
from otelchan.doctor.machine import chosen, effective_capabilities
from otelchan.doctor.program import compare_code, describe
from otelchan.doctor.types import MachineFacts, ProgramFacts
from otelchan.gobinary.types import MissingSite, SiteKind
from otelchan.kernel.features import Features
from otelchan.kernel.links import Attach
from otelchan.kernel.loaders import Backend
from otelchan.plan.planner import make_plan
from otelchan.testing import MemoryImage
from otelchan.view.types import FAULT, NOTE, OK, Check
from tests.support.images import go_image

FEATURES = Features(
    libbpf="v1.1",
    object="/lib/otelchan.bpf.o",
    bcc="0.26.0",
    headers="6.1.0-56-amd64",
    bpf_allowed=True,
    multi=True,
    perf=True,
    backend=Backend.LIBBPF,
    attach=Attach.MULTI,
)
ROOT = MachineFacts(
    release="6.18.0",
    machine="x86_64",
    user_id=0,
    capabilities=(1 << 41) - 1,
    btf=True,
    memlock_bytes=None,
    lockdown="",
    ptrace_scope=1,
    cgroup="/",
    memory_limit_bytes=None,
    features=FEATURES,
)


def check_of(facts: MachineFacts, subject: str) -> Check:
    """The line about one subject."""
    (found,) = [check for check in check_machine(facts) if check.subject == subject]
    return found


def having(*capabilities: str) -> MachineFacts:
    """A user with these capabilities only."""
    return replace(ROOT, user_id=1000, capabilities=sum(1 << CAPABILITIES[name] for name in capabilities))


def without(**features: object) -> MachineFacts:
    """A machine on which some feature is not there, for a reason."""
    reasons = dict.fromkeys(features, "the reason; the way out")
    return replace(ROOT, features=replace(FEATURES, reasons=reasons, **features))  # type: ignore[arg-type]


def test_a_machine_with_everything_is_ready() -> None:
    """Every line is ok, and says what was found."""
    assert {OK} == {check.status for check in check_machine(ROOT)}
    assert [] == [check.subject for check in check_machine(ROOT) if not check.found or check.advice]


def test_another_processor_is_a_fault() -> None:
    """The rules that find sites are about amd64."""
    assert FAULT == check_of(replace(ROOT, machine="aarch64"), "kernel").status


@pytest.mark.parametrize(
    ("capabilities", "status", "named"),
    [
        ((), FAULT, "CAP_BPF and CAP_PERFMON"),
        (("BPF",), FAULT, "CAP_PERFMON"),
        (("BPF", "PERFMON"), NOTE, "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"),
        (("BPF", "PERFMON", "SYS_PTRACE"), NOTE, "CAP_DAC_READ_SEARCH"),
        (("BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"), OK, ""),
        (("SYS_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH"), OK, ""),
    ],
)
def test_missing_capabilities_are_named(capabilities: tuple[str, ...], status: str, named: str) -> None:
    """Those for probes are a fault, those for other users' programs a note; CAP_SYS_ADMIN includes the former."""
    check = check_of(having(*capabilities), "privileges")
    assert status == check.status
    assert named in check.advice


NOT_LOADED = {"backend": None}
NOT_ALLOWED = {"bpf_allowed": False, "multi": False, "perf": False, "attach": None, "backend": None}


@pytest.mark.parametrize(
    ("missing", "subject"),
    [
        ({"libbpf": None, "bcc": None, **NOT_LOADED}, "libbpf"),
        ({"libbpf": None, "headers": None, **NOT_LOADED}, "libbpf"),
        ({"object": None, "bcc": None, **NOT_LOADED}, "BPF object"),
        (NOT_LOADED, "BPF loading"),
        (NOT_ALLOWED, "BPF loading"),
        ({"multi": False, "perf": False, "attach": None, **NOT_LOADED}, "uprobe_multi"),
        ({"multi": False, "perf": False, "attach": None, **NOT_LOADED}, "perf events"),
    ],
)
def test_a_missing_feature_is_a_fault_with_its_reason(missing: dict[str, object], subject: str) -> None:
    """The advice is the reason that trying it gave."""
    check = check_of(without(**missing), subject)
    assert (FAULT, "the reason; the way out") == (check.status, check.advice)


@pytest.mark.parametrize(
    ("missing", "subject", "advice"),
    [
        ({"libbpf": None, "backend": Backend.BCC}, "libbpf", "the reason; the way out"),
        ({"object": None, "backend": Backend.BCC}, "BPF object", "the reason; the way out"),
        ({"bcc": None}, "BCC", "needed only where libbpf is not: the reason; the way out"),
        ({"headers": None}, "kernel headers", "needed only where libbpf is not: the reason; the way out"),
        ({"multi": False, "attach": Attach.PERF}, "uprobe_multi", "the reason; the way out"),
        ({"perf": False}, "perf events", "the reason; the way out"),
    ],
)
def test_one_of_two_ways_is_enough(missing: dict[str, object], subject: str, advice: str) -> None:
    """libbpf or BCC, uprobe_multi links or perf events: the one that is missing is worth a note."""
    facts = without(**missing)
    check = check_of(facts, subject)
    assert (NOTE, advice) == (check.status, check.advice)
    assert [] == [check.subject for check in check_machine(facts) if check.status == FAULT]


def test_the_two_ways_that_would_be_taken_are_named() -> None:
    """With what is dear about the second best."""
    assert "loaded by libbpf, attached by uprobe_multi links" == check_of(ROOT, "probes").found
    check = check_of(without(multi=False, libbpf=None, attach=Attach.PERF, backend=Backend.BCC), "probes")
    assert (NOTE, "loaded by bcc, attached by perf events") == (check.status, check.found)
    assert check.advice.startswith("taking them out takes 0.1 s for each")


def test_process_ids_of_a_namespace_are_worth_a_note() -> None:
    """There a program that starts is not seen from its first make."""
    (found,) = [check for check in check_machine(replace(ROOT, host_pids=False)) if check.subject == "process ids"]

    assert found.status == NOTE
    assert "hostPID" in found.advice


def test_headers_of_another_kernel_are_fine() -> None:
    """Said, because it looks wrong."""
    found = "for Linux 6.1.0-56-amd64, for BCC; any version serves, no kernel structure is read"
    assert Check("kernel headers", OK, found) == check_of(ROOT, "kernel headers")


def test_what_could_not_be_tried_is_no_second_fault() -> None:
    """Where nothing may be loaded, or by nobody, one fault says it."""
    for missing, subject in ((NOT_ALLOWED, "BPF loading"), ({"libbpf": None, "bcc": None, **NOT_LOADED}, "libbpf")):
        facts = without(**missing)
        assert [subject] == [check.subject for check in check_machine(facts) if check.status == FAULT]
        assert "probes" not in [check.subject for check in check_machine(facts)]


def test_a_small_memory_limit_is_worth_a_note() -> None:
    """Maps of the BPF program are charged to the cgroup."""
    assert NOTE == check_of(replace(ROOT, memory_limit_bytes=64 << 20), "cgroup").status
    assert OK == check_of(replace(ROOT, memory_limit_bytes=512 << 20), "cgroup").status


def test_security_modules_that_forbid_it_are_faults() -> None:
    """Kernel lockdown hides memory from BPF; Yama's scope 3 forbids reading other processes for good."""
    assert FAULT == check_of(replace(ROOT, lockdown="confidentiality"), "lockdown").status
    assert FAULT == check_of(replace(ROOT, ptrace_scope=3), "ptrace scope").status


def test_a_program_that_can_be_watched_has_a_line_per_plane() -> None:
    """How many sites, and what a hit costs at most."""
    facts = ProgramFacts(found={"process": "pid 1", "Go": "go1.27.3"}, plan=make_plan(go_image(), 0, "/proc/1/exe"))
    checks = {check.subject: check for check in check_program(facts)}
    assert ["process", "Go", "makes plane", "waits plane", "operations plane", "polls plane"] == list(checks)
    assert checks["makes plane"].found.startswith("5 sites in 4 functions, at most ")


def test_a_plane_with_a_missing_site_is_left_out_with_the_reason() -> None:
    """It still works, with less to see."""
    missing = (MissingSite(SiteKind.MAKE, "runtime.makechan", "two RETs"),)
    plan = make_plan(go_image(missing=missing), 0, "/proc/1/exe")
    (check,) = [check for check in check_program(ProgramFacts(plan=plan)) if check.subject == "makes plane"]
    assert (NOTE, "make in runtime.makechan: two RETs") == (check.status, check.advice)


def test_a_step_that_failed_says_its_error() -> None:
    """As the error is worded: what, value, next step."""
    (check,) = check_program(ProgramFacts(errors={"Go": "go1.18 is too old; build it with Go 1.26"}))
    assert Check("Go", FAULT, "no", "go1.18 is too old; build it with Go 1.26") == check


def test_another_tracers_trap_is_told_from_changed_code() -> None:
    """A first byte 0xCC before an equal rest is a trap; anything else is not the file's code."""
    image = go_image()
    plan = make_plan(image, 0, "/proc/1/exe")
    memory = MemoryImage({planned.site.address: planned.site.code for s in plan.planes.values() for planned in s})
    assert ([], []) == compare_code(plan, memory, 0)
    sites = {site.kind: site for site in image.sites}
    memory.write(sites[SiteKind.MAKE].address, b"\xcc")
    memory.write(sites[SiteKind.CLOSE].address, b"\x90\x90")
    assert (["runtime.makechan"], ["runtime.closechan"]) == compare_code(plan, memory, 0)
    facts = ProgramFacts(code_compared=True, trapped_sites=["runtime.makechan"])
    assert [NOTE] == [check.status for check in check_program(facts)]
    facts = ProgramFacts(code_compared=True, changed_sites=["runtime.closechan"])
    assert [FAULT] == [check.status for check in check_program(facts)]


def test_an_executable_is_described_in_one_line() -> None:
    """Version, module, symbols, where its layout is known from."""
    image = replace(go_image(), stripped=True)
    expected = "go1.27.3, example.com/app, stripped, layout from our table, 0 places that make channels"
    assert expected == describe(image)


def test_capabilities_are_read_from_the_status_file() -> None:
    """CapEff is hexadecimal; without that line nothing is assumed."""
    assert 0x1FF == effective_capabilities("Name:\tx\nCapPrm:\t0\nCapEff:\t00000000000001ff\n")
    assert 0 == effective_capabilities("Name:\tx\n")


def test_the_chosen_lockdown_mode_is_the_one_in_brackets() -> None:
    """As in /sys/kernel/security/lockdown."""
    assert "integrity" == chosen("none [integrity] confidentiality")
    assert "" == chosen("")


def test_slices_that_end_late_are_said() -> None:
    """A thread that may not go first, and a CPU limit, which is worse; with perf events there are no slices."""
    late, limited = replace(ROOT, real_time=False), replace(ROOT, cpu_limit=0.5)

    assert NOTE == check_of(late, "time slices").status
    assert "CAP_SYS_NICE makes them end in time" in check_of(late, "time slices").advice
    assert (NOTE, "a CPU limit of 0.5 cores") == check_of(limited, "time slices")[1:3]
    assert OK == check_of(replace(late, features=replace(FEATURES, attach=Attach.PERF)), "time slices").status


def test_the_cgroup_is_that_of_version_two() -> None:
    """The line that begins with 0::."""
    assert "/system.slice/x.service" == cgroup_path("3:cpu:/a\n0::/system.slice/x.service\n")
    assert "" == cgroup_path("3:cpu:/a\n")
