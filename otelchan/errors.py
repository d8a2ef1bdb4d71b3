"""Errors, each one sentence: what, value, next step.

OtelchanError            exit status 2: the user can fix it
├── UsageError           arguments or configuration
├── TargetError          the process: gone, not ours to read, already watched
├── BinaryError          the executable: not Go, too old, too new, a layout we do not know
├── KernelError          the kernel or its library: missing feature, missing privilege
├── MemoryGone           memory that was readable is not any more (the process exits, or moved it)
└── ExportError          the endpoint refused or cannot be reached

Anything else that escapes is a bug of ours: exit status 3.
"""

from __future__ import annotations


class OtelchanError(Exception):
    """Base of everything a user can cause or fix; str() is one sentence."""


class UsageError(OtelchanError):
    """An argument or a configuration value is wrong."""


class TargetError(OtelchanError):
    """The process cannot be watched."""


class BinaryError(OtelchanError):
    """The executable cannot be understood, so nothing is attached."""


class KernelError(OtelchanError):
    """The kernel, libbpf or a privilege is missing."""


class MemoryGone(OtelchanError):
    """The program's memory could not be read."""


class ExportError(OtelchanError):
    """Telemetry could not be delivered."""
