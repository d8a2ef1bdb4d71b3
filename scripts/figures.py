"""The drawings of docs/how-it-works.md: `python -m scripts.figures` writes them to docs/images; a test fails on drift.

SVG by hand: it needs no tool, is text in a diff, and follows the reader's light or dark (`prefers-color-scheme`, which
a browser answers for a picture by the `color-scheme` of the page that it is in).
"""

from __future__ import annotations

from html import escape
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "docs" / "images"
_STYLE = """\
text{font:14px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2933}
.small{font-size:12px;fill:#52606d}.name{font-weight:600}
.code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:12px}
.box{fill:#fff;stroke:#9aa5b1}.area{fill:#f2f6f7;stroke:#cbd5da}.ours{fill:#e0f2f1;stroke:#00796b}
.line{fill:none;stroke:#52606d;stroke-width:1.5}.read{stroke:#00796b;stroke-dasharray:5 4}.trap{stroke:#c2410c}
.probe{fill:#c2410c}.wait{fill:#fde5d4;stroke:#c2410c}.runs{fill:#d5e8d4;stroke:#5b8c5a}.on{fill:#c2410c}.off{fill:#00796b}
@media (prefers-color-scheme:dark){text{fill:#e4e7eb}.small{fill:#a9b4bf}
.box{fill:#22272e;stroke:#616e7c}.area{fill:#2b323a;stroke:#444e58}
.ours{fill:#12403c;stroke:#4db6ac}.line{stroke:#a9b4bf}.read{stroke:#4db6ac}.trap{stroke:#fb923c}.probe{fill:#fb923c}
.wait{fill:#5a2d12;stroke:#fb923c}.runs{fill:#24452a;stroke:#81b87f}.on{fill:#fb923c}.off{fill:#4db6ac}}
"""


def overview() -> str:
    """Where everything is: the program, the kernel, the agent, and what comes after it."""
    return _svg(
        720,
        452,
        "Your program, the kernel, otelchan and the back ends: what reads what",
        _box(16, 16, 400, 176, "area"),
        _text(32, 40, "your Go program, unchanged", "name"),
        _box(32, 56, 176, 120, "box"),
        _text(44, 78, "memory", "name"),
        *(_text(44, 100 + 20 * at, said, "small") for at, said in enumerate(_MEMORY)),
        _box(224, 56, 176, 120, "box"),
        _text(236, 78, "code of the runtime", "name"),
        *(_site(236, 100 + 20 * at, said) for at, said in enumerate(_SITES)),
        _box(16, 244, 400, 72, "area"),
        _text(168, 268, "kernel", "name"),
        _text(168, 288, "one BPF program counts, takes times,", "small"),
        _text(168, 304, "and stacks of slow blocks", "small"),
        _box(16, 364, 400, 72, "ours"),
        _text(32, 388, "otelchan", "name"),
        _text(32, 408, "names, rates, ages, findings, a budget", "small"),
        _text(32, 424, "one process for all programs of the machine", "small"),
        _arrow(120, 364, 120, 180, "read"),
        _text(130, 220, "census: reads", "off"),
        _arrow(312, 176, 312, 240, "trap"),
        _text(322, 220, "probes: a trap", "on"),
        _arrow(312, 316, 312, 360, "line"),
        _text(322, 344, "maps and a ring", "small"),
        _box(520, 16, 184, 420, "area"),
        _text(536, 40, "OpenTelemetry", "name"),
        *(_target(536, 340 - 92 * at, *said) for at, said in enumerate(_BACK_ENDS)),
        _arrow(416, 392, 532, 392, "line"),
        _text(452, 382, "OTLP", "small"),
        _arrow(612, 340, 612, 326, "line"),
        _arrow(612, 248, 612, 234, "line"),
        _arrow(612, 156, 612, 142, "line"),
    )


_MEMORY = ("all goroutines", "their stacks", "their wait queues", "channels")
_SITES = ("make, close", "park, wake", "buffered operation", "would block")
_BACK_ENDS = (
    ("Collector", "yours: any OTLP"),
    ("Prometheus", "and Tempo, or others"),
    ("Grafana, alerts", "dashboards, rules"),
    ("you", "the line to blame"),
)


def one_wait() -> str:
    """What becomes of one send that has to wait, in time from left to right."""
    return _svg(
        720,
        268,
        "One send that blocks: the goroutine parks, another one receives and wakes it; both moments pass a probe",
        _text(16, 44, "goroutine 22", "name"),
        _text(16, 62, "sends", "small"),
        _box(128, 28, 112, 40, "runs"),
        _text(140, 53, "runs"),
        _box(240, 28, 304, 40, "wait"),
        _text(252, 53, "parked in the channel's queue"),
        _box(544, 28, 160, 40, "runs"),
        _text(556, 53, "runs"),
        _text(16, 128, "goroutine 7", "name"),
        _text(16, 146, "receives", "small"),
        _box(128, 112, 576, 40, "runs"),
        _text(262, 137, "does something else"),
        _text(474, 137, "<-c", "code"),
        _arrow(512, 112, 512, 72, "line"),
        _mark(240, 68, 196, "park", "time, channel, goroutine"),
        _mark(512, 152, 196, "wake", "who woke it, by which stack"),
        _box(240, 236, 272, 20, "ours"),
        _text(252, 250, "one span, one count for each side", "small"),
    )


FIGURES = {"how-it-works.svg": overview, "one-wait.svg": one_wait}


def _mark(x: int, top: int, y: int, name: str, said: str) -> str:
    line = f'<path class="line trap" d="M{x} {top}V{y + 40}"/><circle class="probe" cx="{x}" cy="{top}" r="5"/>'
    return line + _text(x + 8, y - 4, f"probe: {name}", "on") + _text(x + 8, y + 14, said, "small")


def _site(x: int, y: int, said: str) -> str:
    return f'<circle class="probe" cx="{x + 5}" cy="{y - 4}" r="4"/>' + _text(x + 18, y, said, "small")


def _target(x: int, y: int, name: str, said: str) -> str:
    return _box(x, y, 152, 80, "box") + _text(x + 12, y + 32, name, "name") + _text(x + 12, y + 54, said, "small")


def _box(x: int, y: int, width: int, height: int, kind: str) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'


def _arrow(x: int, y: int, to_x: int, to_y: int, kind: str) -> str:
    mark = kind if kind in ("read", "trap") else "plain"
    return f'<path class="line {kind}" marker-end="url(#{mark})" d="M{x} {y}L{to_x} {to_y}"/>'


def _text(x: int, y: int, said: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x}" y="{y}">{escape(said)}</text>'


def _marker(name: str, kind: str) -> str:
    shape = f'<path class="line {kind}" style="stroke-dasharray:none" d="M1 1L9 5L1 9"/>'
    size = 'refX="9" refY="5" markerWidth="8" markerHeight="8"'
    return f'<marker id="{name}" viewBox="0 0 10 10" {size} orient="auto">{shape}</marker>'


def _svg(width: int, height: int, title: str, *parts: str) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<title>{title}</title>'
    markers = _marker("plain", "") + _marker("read", "read") + _marker("trap", "trap")
    return "\n".join((head, f"<style>\n{_STYLE}</style>", f"<defs>{markers}</defs>", *parts, "</svg>\n"))


if __name__ == "__main__":
    for file, draw in FIGURES.items():
        (IMAGES / file).write_text(draw())
