"""Colours of a report, light and dark, and the style of its pictures.

A picture says `fill="var(--s1)"`; what that is, is said here once for each scheme. What is printed is light.
Series follow Okabe and Ito, "Color Universal Design" (2008), darker or lighter until each has a contrast of 3:1 to its
ground (WCAG 2.2, 1.4.11); text has 4.5:1 (1.4.3). A test computes both.
"""

from __future__ import annotations

from types import MappingProxyType

SERIES = 8
"""Lines that can be told apart: --s1 to --s8."""
LEVELS = 7
"""Steps of a heat map, the lowest first: --h1 to --h7."""
STATES = MappingProxyType(
    {
        "created": "idle",
        "in_use": "calm",
        "saturated": "warm",
        "stalled": "hot",
        "closed": "done",
        "dangling": "lost",
        "half-open": "warm",
        "open": "hot",
        "info": "calm",
        "warning": "warm",
        "critical": "hot",
    }
)
"""The colour of a state by its word: of channels (F12), of objectives, and severities. Others are "idle"."""

_WORST_LAST = ("done", "idle", "calm", "warm", "lost", "hot")

LIGHT = MappingProxyType(
    {
        "paper": "#f6f7f9", "panel": "#ffffff", "ink": "#1c2128", "muted": "#59636e", "rule": "#dde2e8",
        "accent": "#0b5cad", "critical": "#b3261e", "warning": "#8a5300", "info": "#0b5cad", "good": "#0b6e4f",
        "critical-soft": "#fdecea", "warning-soft": "#fdf3df", "info-soft": "#e8f1fb", "unknown": "#e9ebee",
        "soft": "#eef1f4",
        "s1": "#0072b2", "s2": "#d55e00", "s3": "#00875f", "s4": "#3b93c9",
        "s5": "#a87900", "s6": "#a64d9e", "s7": "#8a5a3c", "s8": "#6b7580",
        "h1": "#dceaf7", "h2": "#b9d6ee", "h3": "#8abbe1", "h4": "#569bcf", "h5": "#2c79b6", "h6": "#135693",
        "h7": "#08306b",
        "idle": "#b8c4d0", "calm": "#5aa0cf", "warm": "#e0a100", "hot": "#d0480f", "done": "#8c96a1", "lost": "#a64d9e",
    }
)  # fmt: skip
DARK = MappingProxyType(
    {
        "paper": "#0f1318", "panel": "#171c23", "ink": "#e4e8ed", "muted": "#9ca7b3", "rule": "#2b333d",
        "accent": "#75b8ff", "critical": "#ff9a8d", "warning": "#f2bd5a", "info": "#75b8ff", "good": "#56cfa3",
        "critical-soft": "#3a1d1b", "warning-soft": "#352a14", "info-soft": "#172b41", "unknown": "#262c34",
        "soft": "#222932",
        "s1": "#4fa9e6", "s2": "#ff8f4d", "s3": "#34c397", "s4": "#96d3f7",
        "s5": "#e0b548", "s6": "#d795d0", "s7": "#c99a75", "s8": "#a3adb8",
        "h1": "#1a3248", "h2": "#1e4868", "h3": "#25628d", "h4": "#347fb3", "h5": "#5a9fd1", "h6": "#8cc1ea",
        "h7": "#c4e2fa",
        "idle": "#56626f", "calm": "#4590c2", "warm": "#e5b03a", "hot": "#ff7a45", "done": "#7b8692", "lost": "#d795d0",
    }
)  # fmt: skip

_PICTURES = """
.canvas svg { display: block; height: auto; }
.chart .canvas svg { width: 100%; }
.chart text, .graph text { fill: var(--muted); font-family: system-ui, sans-serif; }
.graph text { fill: var(--ink); font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.chart { min-width: 0; max-width: 30rem; }
.chart.wide { max-width: none; }
.chart.wide .canvas, .graph .canvas { overflow-x: auto; }
.chart.wide .canvas svg { min-width: 56rem; }
.chart.wide path { shape-rendering: crispEdges; }
.graph { margin-bottom: .75rem; }
.graph .canvas svg { margin: 0 auto; }
@media (min-width: 60rem) { .graph .canvas .fit { max-width: 100%; } }
.graph text + text, .graph .way text { fill: var(--muted); }
.graph .box, .graph .box polygon { fill: var(--panel); stroke: var(--muted); }
.graph .round, .graph .round path { fill: var(--soft); stroke: var(--muted); }
.graph .blocked, .graph .blocked :is(polygon, path) { stroke: var(--accent); stroke-width: 1.8; }
.graph .suspected, .graph .suspected :is(polygon, path) { fill: var(--critical-soft); stroke: var(--critical);
  stroke-width: 1.8; }
.graph g text { stroke: none; }
.graph .way path { fill: none; stroke: var(--muted); stroke-width: 1; }
.graph .way polygon { fill: var(--muted); stroke: none; }
.graph .way.blocked path { fill: none; stroke: var(--accent); stroke-width: 2; }
.graph .way.blocked polygon { fill: var(--accent); stroke: none; }
.legend { list-style: none; margin: .35rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: .15rem .9rem;
  font-size: .8125rem; line-height: 1.35; color: var(--muted); }
.legend li { display: flex; gap: .4rem; align-items: baseline; min-width: 0; overflow-wrap: anywhere; }
.legend svg { flex: none; width: 1rem; height: .625rem; }
.legend.scale { gap: 0; }
.legend.scale li { align-items: center; }
.legend.scale svg { width: 1.5rem; height: .75rem; }
.legend.scale .apart { margin-left: 1rem; }
.chart .nothing { margin: 0; color: var(--muted); }
.spark { display: block; width: 6.5rem; height: 1.5rem; }
@media print {
  .canvas { overflow: visible !important; }
  .chart.wide .canvas svg, .graph .canvas svg { min-width: 0; max-width: 100%; }
}
"""


def state_colour(state: str) -> str:
    """A name of LIGHT."""
    return STATES.get(state, "idle")


def badness(state: str) -> int:
    """How much a state deserves to be seen: more is worse."""
    return _WORST_LAST.index(state_colour(state))


def _scheme(colours: MappingProxyType[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


STYLE = (
    f":root {{ color-scheme: light dark; {_scheme(LIGHT)} }}\n"
    f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_scheme(DARK)} }} }}\n"
    "@media print { :root { color-scheme: light; } }" + _PICTURES
)
"""CSS: the variables of both schemes, then what charts, graphs and sparklines look like."""
