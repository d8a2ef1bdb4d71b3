"""Why programs cannot be watched, in the words of the metric."""

from __future__ import annotations

import pytest

from otelchan.arrivals import reason_of
from otelchan.errors import BinaryError, KernelError, MemoryGone, OtelchanError, TargetError
from otelchan.telemetry.catalogue import METRICS


@pytest.mark.parametrize(
    ("error", "reason"),
    [(TargetError, "target"), (BinaryError, "binary"), (KernelError, "kernel"), (MemoryGone, "memory")],
)
def test_each_kind_of_error_is_a_reason(error: type[OtelchanError], reason: str) -> None:
    """Which the metric's description names."""
    assert reason == reason_of(error("pid 7: no"))
    assert f"`{reason}`" in METRICS["otelchan.attach.failed"].description
