"""A picture with two axes, drawn by matplotlib, in pixels of the page. Imports matplotlib when one is made."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from otelchan.report.scales import SECOND, time_ticks
from otelchan.report.svg import inlined, sentinel

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_DOTS = 72  # per inch: matplotlib's SVG counts points, so that one of its points is one pixel
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, found by searching, in the reader's font
    "svg.hashsalt": "otelchan",  # the same input, the same bytes
    "text.parse_math": False,  # a name with two dollars is a name
    "font.family": ["DejaVu Sans"],  # comes with matplotlib; only measured with
    "font.size": 11.0,
    "path.simplify": False,
    "axes.unicode_minus": False,
}
_PIXELS_PER_TIME = 72
WIDE = 1080
"""The width of what has a row of the page to itself."""
LETTER_PX = 6.1
"""The mean width of a letter on an axis."""

Span = tuple[int, int]
"""Start and end, Unix nanoseconds."""
Rectangle = tuple[float, float, float, float]
"""Left, bottom, right, top."""


class Canvas:
    """Times from left to right, values from bottom to top. What is drawn is kept until `svg` writes it."""

    def __init__(self, width: int, height: int, left: int, below: int = 26) -> None:
        """In pixels; left and below: the room for what the axes say."""
        with _settings():
            from matplotlib.figure import Figure

            self._figure = Figure(figsize=(width / _DOTS, height / _DOTS), dpi=_DOTS)
            right, top = 28, 8
            sides = (left / width, below / height, (width - left - right) / width, (height - below - top) / height)
            self.axes: Axes = self._figure.add_axes(sides)
        self._times_fit = max(2, (width - left - right) // _PIXELS_PER_TIME)
        self._titles: dict[str, str] = {}
        self.axes.patch.set_visible(False)
        for spine in self.axes.spines.values():
            spine.set_visible(False)
        self.axes.set_axisbelow(True)
        self.axes.tick_params(which="both", length=0, labelcolor=sentinel("muted"))
        self.axes.tick_params(axis="x", pad=8)

    def times(self, starts: Sequence[int], ends: Sequence[int], span: Span | None = None) -> None:
        """The horizontal axis, in Unix nanoseconds, from the first start to the last end, and at least the span; its
        labels are UTC."""
        start, end = min((*starts, *(span or ())[:1])), max((*ends, *(span or ())[1:]))
        if end - start < SECOND:  # a moment stands in the middle
            start, end = start - SECOND, end + SECOND
        self.axes.set_xlim(start, end)
        ticks = time_ticks(start, end, self._times_fit)
        with _settings():
            self.axes.set_xticks([moment for moment, _ in ticks], [label for _, label in ticks])

    def values(self, ticks: Sequence[float], labels: Sequence[str], lines: bool = True) -> None:
        """The vertical axis; with fine lines across."""
        with _settings():
            self.axes.set_yticks(ticks, labels)
        if lines:
            self.axes.grid(axis="y", color=sentinel("rule"), linewidth=1)

    def rectangles(self, rectangles: Iterable[Rectangle], colour: str, title: str) -> None:
        """Filled with a colour of colours.LIGHT, as one shape."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        corners: list[tuple[float, float]] = []
        codes: list[Any] = []
        for left, bottom, right, top in rectangles:
            corners += [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
            codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
        if corners:
            shape = PathPatch(Path(corners, codes), facecolor=sentinel(colour), edgecolor="none", clip_on=False)
            shape.set_snap(False)
            self.explain(self.axes.add_patch(shape), title)

    def explain(self, artist: Artist, title: str) -> None:
        """What to say while the pointer is over it."""
        name = f"t{len(self._titles)}"
        artist.set_gid(name)
        self._titles[name] = title

    def svg(self, name: str) -> str:
        """The picture with an accessible name."""
        file = io.StringIO()
        with _settings():
            self._figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        return inlined(file.getvalue(), name, self._titles)


@contextmanager
def _settings() -> Iterator[None]:
    """Ours, whatever a matplotlibrc of the user says; quiet about a home that cannot be written."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it looks at the home when it is imported
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield
