"""The machine is described so that a reader can judge figures, and is not named."""

from __future__ import annotations

import platform

from benchmarks.agents import kilobytes
from benchmarks.machine import describe, processor_fields, processor_name

CPUINFO = """processor\t: 0
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
stepping\t: 1
flags\t\t: fpu hypervisor lahf_lm

processor\t: 1
model name\t: another
"""


def test_the_processor_is_named_with_its_numbers() -> None:
    """A virtual machine may say only "AMD EPYC": family, model and stepping tell which."""
    fields = processor_fields(CPUINFO)

    assert "AMD EPYC (family 26, model 2, stepping 1)" == processor_name(fields)
    assert "hypervisor" in fields["flags"].split()


def test_a_processor_that_says_nothing_is_unknown() -> None:
    """As on other architectures."""
    assert "unknown" == processor_name({})


def test_this_machine_is_described_without_its_name() -> None:
    """Kernel, clock and load are there; the host's name is not."""
    here = describe()

    assert platform.node() not in [word for value in here.values() for word in str(value).split()]
    assert platform.release().startswith(here["kernel"])
    assert here["processors"] >= 1
    assert here["load_average"] >= 0


def test_memory_in_proc_is_counted_in_bytes() -> None:
    """What /proc calls kB is 1,024 bytes; lines without a size are left out."""
    assert {"VmRSS": 2048, "Pss": 1024} == kilobytes("Name:\totelchan\nVmRSS:\t       2 kB\nThreads:\t3\nPss: 1 kB\n")
