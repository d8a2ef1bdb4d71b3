"""Every setting there is: name with its unit, default, what is allowed, what it means. Data; config reads it in."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from otelchan.config import patterns
from otelchan.config.describe import count as _count
from otelchan.config.describe import doc as _doc
from otelchan.config.dumps import Dumps
from otelchan.config.findings import Findings
from otelchan.config.limits import SpanLimits
from otelchan.config.naming import Naming
from otelchan.config.objectives import Objectives
from otelchan.config.otlp import DEFAULT_ENDPOINTS, Otlp, Signal
from otelchan.config.status import Status
from otelchan.config.targets import Rules

__all__ = ["AUTO", "DEFAULT_ENDPOINTS", "Config", "Otlp", "Signal"]

AUTO = "auto"

Percent = Annotated[float, Meta(gt=0, le=100)]
Step = Annotated[float, Meta(ge=0.1, le=86_400)]
NodePercent = Annotated[float, Meta(gt=0, le=10_000)]  # of one core, and a node may have a hundred
Path = Annotated[str, Meta(pattern=patterns.PATH)]
PlaneName = Literal["makes", "waits", "operations", "polls"]


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. Units are in the names: s seconds, ms milliseconds."""

    interval_s: Annotated[
        float, _doc("Between two exports.", "0.1 to 3600", ge=0.1, le=3600, unit="seconds", reload=True)
    ] = 10.0
    max_overhead: Annotated[
        Percent | None,
        _doc(
            "Probe time that a watched program may pay; `off`: no limit, also none for the node, for measurements.",
            "more than 0, at most 100, or off",
            unit="percent of one core",
            reload=True,
            off=True,
        ),
    ] = 3.0
    max_overhead_node: Annotated[
        NodePercent | None,
        _doc(
            "Probe time that all watched programs may pay together; when it is more, the dearest one gives up first. "
            "`off`: no limit but each one's own.",
            "more than 0, at most 10000, or off",
            unit="percent of one core",
            reload=True,
            off=True,
        ),
    ] = 10.0
    backend: Annotated[
        Literal["auto", "libbpf", "bcc"],
        _doc(
            "How the kernel side is loaded: compiled ahead of time through libbpf, or compiled here by BCC in a "
            "short-lived child. auto: libbpf when its library and the object are there, else BCC.",
            "auto, libbpf or bcc",
        ),
    ] = "auto"
    attach: Annotated[
        Literal["auto", "multi", "perf"],
        _doc(
            "How probes are attached: one uprobe_multi link per plane, or one perf event per site. auto: multi where "
            "the kernel has it and filters by process, else perf.",
            "auto, multi or perf",
        ),
    ] = "auto"
    planes: Annotated[
        tuple[PlaneName, ...],
        Meta(
            description="Groups of probes that may be attached: `makes` names channels and sees closes, `waits` has "
            "who waits how long, `operations` counts what passes through buffers (and is left out without `waits`), "
            "`polls` counts attempts that would have blocked. What is left out costs nothing, and its series are not "
            "there.",
            extra={
                "allowed": "a list of makes, waits, operations and polls; in a variable separated by commas",
                "unit": "",
                "reload": False,
                "off": False,
            },
        ),
    ] = ("makes", "waits", "operations", "polls")
    image_cache: Annotated[
        Path | None,
        _doc(
            "Folder for what was found in executables, so that attaching to the same one again takes no seconds: at "
            "most 256 files and 64 MiB. It must be ours alone (mode 0700). auto: /var/cache/otelchan/images for root, "
            "else otelchan/images in XDG_CACHE_HOME or ~/.cache.",
            "auto, off or a path",
            off=True,
        ),
    ] = AUTO
    span_threshold_ms: Annotated[
        float,
        _doc(
            "Blocks as long as this or longer become spans.",
            "0 to 3600000",
            ge=0,
            le=3_600_000,
            unit="milliseconds",
            reload=True,
        ),
    ] = 10.0
    spans_per_second: Annotated[
        float,
        _doc(
            "Spans of one program, at most; those of exemplars come on top of it, so that each has its span.",
            "0 to 10000",
            ge=0,
            le=10_000,
            unit="spans per second",
            reload=True,
        ),
    ] = 100.0
    spans_per_second_total: Annotated[
        float,
        _doc(
            "Spans of all programs together, at most; those of exemplars come on top of it.",
            "0 to 100000",
            ge=0,
            le=100_000,
            unit="spans per second",
            reload=True,
        ),
    ] = 500.0
    ongoing_span_s: Annotated[
        Step | None,
        _doc(
            "A goroutine that is blocked on a channel for so long gets a span while it still is, and again after 4 "
            "times as long, 16 times, and so on. Such spans may be a quarter of `spans_per_second`. `off`: none.",
            "0.1 to 86400, or off",
            unit="seconds",
            reload=True,
            off=True,
        ),
    ] = 10.0
    exemplars: Annotated[
        bool,
        _doc(
            "Whether buckets of `channel.block.duration` point at the span of a block that they counted.",
            "true or false",
            reload=True,
        ),
    ] = True
    series_per_process: Annotated[
        int,
        _count(
            "Time series of one program, at most; those that exist stay until they end.", "time series", 1, 1_000_000
        ),
    ] = 2000
    series_total: Annotated[
        int,
        _count(
            "Time series of all programs, at most; those that exist stay until they end.", "time series", 1, 10_000_000
        ),
    ] = 20000
    otlp_file: Annotated[
        Path | None,
        _doc(
            "File for OTLP JSON lines, instead of the network, or beside it when an endpoint is given too; "
            "`{signal}` in it becomes `metrics` and `traces`, for a file each.",
            "a path",
        ),
    ] = None
    targets: Rules = ()
    objectives: Objectives = ()
    otlp: Otlp = Otlp()
    span_limits: SpanLimits = SpanLimits()
    findings: Findings = Findings()
    dumps: Dumps = Dumps()
    naming: Naming = Naming()
    status: Status = Status()

    @property
    def program_budget(self) -> float | None:
        """Of each program, as a fraction of one core; None: no limit."""
        return None if self.max_overhead is None else self.max_overhead / 100

    @property
    def node_budget(self) -> float | None:
        """Of all programs together, as a fraction of one core; None: no limit."""
        if self.max_overhead is None or self.max_overhead_node is None:
            return None
        return self.max_overhead_node / 100

    @property
    def uses_network(self) -> bool:
        """Whether anything is sent over the network: always, unless only a file is asked for or it is disabled."""
        given = self.otlp.endpoint or self.otlp.metrics.endpoint or self.otlp.traces.endpoint
        some = self.otlp.metrics.enabled or self.otlp.traces.enabled
        return self.otlp.enabled and some and (not self.otlp_file or bool(given))
