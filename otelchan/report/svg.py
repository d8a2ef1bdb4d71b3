"""SVG that another program wrote, made fit to stand inside a page: only known elements and attributes, no ids, no
styles, no references, colours by name.

Whoever draws uses `sentinel(name)`, a colour that nothing else uses; here it becomes `var(--name)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from xml.etree import ElementTree

from otelchan.report.colours import LIGHT
from otelchan.report.text import escaped

NO_TITLES: Mapping[str, str] = MappingProxyType({})
_NAMES = tuple(LIGHT)
_FIRST = 0xA1B200
_FITS_PX = 1500  # what is wider would be too small to read if it were made to fit its place: it scrolls
_SHAPES = ("path", "polygon", "polyline", "ellipse", "circle", "rect", "line", "text", "title", "tspan", "g")
_NUMBERS = (
    "x",
    "y",
    "cx",
    "cy",
    "rx",
    "ry",
    "r",
    "width",
    "height",
    "x1",
    "x2",
    "y1",
    "y2",
    "font-size",
    "stroke-width",
)
_KEPT = (*_NUMBERS, "d", "points", "transform", "class", "fill", "stroke", "text-anchor", "fill-opacity", "opacity",
         "stroke-dasharray", "stroke-linejoin", "stroke-linecap", "font-weight")  # fmt: skip
_STRAIGHT = re.compile(r"(?:[ML] ?-?[\d.]+ -?[\d.]+ ?|[zZ] ?)+")
_STEP = re.compile(r"([MLzZ]) ?(?:(-?[\d.]+) (-?[\d.]+))?")
_DECIMAL = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def sentinel(name: str) -> str:
    """A colour that stands for a name of colours.LIGHT until `inlined`: "#a1b203"."""
    return f"#{_FIRST + _NAMES.index(name):06x}"


_COLOURS = {sentinel(name): f"var(--{name})" for name in _NAMES}


def inlined(document: str, name: str, titles: Mapping[str, str] = NO_TITLES, natural: bool = False) -> str:
    """One <svg> with the accessible name `name`. titles: what to say while the pointer is over the group with this id.
    natural: it is as large as it was drawn, a unit of its view box being a pixel; else as its place in the page.

    Raises xml.etree.ElementTree.ParseError when the document is not XML.
    """
    root = ElementTree.fromstring(document)
    box = rounded(root.get("viewBox", "0 0 100 100"))
    size = ""
    if natural:
        width, height = (float(number) for number in box.split()[2:])
        size = f' width="{width:.0f}" height="{height:.0f}"' + (' class="fit"' if width <= _FITS_PX else "")
    inside = "".join(_written(child, titles) for child in root)
    return f'<svg role="img" aria-label="{escaped(name)}" viewBox="{escaped(box)}"{size}>{inside}</svg>'


def rounded(text: str) -> str:
    """Its numbers with one decimal at most: a tenth of a pixel is not seen, and is half of the file."""
    return _DECIMAL.sub(lambda found: f"{float(found.group()):.1f}".removesuffix(".0"), text)


def _written(element: ElementTree.Element, titles: Mapping[str, str]) -> str:
    tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
    if tag == "a":  # graphviz wraps in it what has a tooltip
        return "".join(_written(child, titles) for child in element)
    if tag not in _SHAPES:
        return ""
    said = titles.get(element.get("id", ""))
    inside = "".join(_written(child, titles) for child in element if not (said is not None and _is_title(child)))
    title = f"<title>{escaped(said)}</title>" if said else ""
    words = escaped(element.text or "") if tag in ("text", "title", "tspan") else ""
    if tag == "g" and not inside:
        return ""
    attributes = _attributes(element)
    if tag == "g" and not attributes and not title:
        return inside
    return f"<{tag}{attributes}>{title}{words}{inside}</{tag}>" if title or words or inside else f"<{tag}{attributes}/>"


def _is_title(element: ElementTree.Element) -> bool:
    return isinstance(element.tag, str) and element.tag.rpartition("}")[2] == "title"


def _attributes(element: ElementTree.Element) -> str:
    given = {name: value for name, value in element.attrib.items() if name != "style"}
    for pair in element.get("style", "").split(";"):
        name, colon, value = pair.partition(":")
        if colon:
            given[name.strip()] = value.strip()
    return "".join(f' {name}="{escaped(_value(name, value))}"' for name, value in given.items() if _kept(name, value))


def _kept(name: str, value: str) -> bool:
    return name in _KEPT and "url(" not in value and not (name == "transform" and value.startswith("rotate(-0 "))


def _value(name: str, value: str) -> str:
    if name in ("fill", "stroke"):
        return _COLOURS.get(value.lower(), value)
    if name == "font-size":
        value = value.removesuffix("px")
    if name == "class":
        return value
    numbers = " ".join(rounded(value).split())
    return _shorter(numbers) if name == "d" else numbers


def _shorter(way: str) -> str:
    """A path of straight lines with what SVG allows to leave out: half the size of a heat map."""
    if not _STRAIGHT.fullmatch(way):
        return way
    out: list[str] = []
    x = y = first = ""
    for command, to_x, to_y in _STEP.findall(way):
        if command == "M":
            out.append(f"M{to_x} {to_y}")
            first = f"{to_x} {to_y}"
        elif command != "L":
            out.append("z")
        elif to_y == y:
            out.append(f"H{to_x}")
        else:
            out.append(f"V{to_y}" if to_x == x else f"L{to_x} {to_y}")
        if command in "zZ" and len(out) > 1 and f"{x} {y}" == first:
            del out[-2]  # the last step goes home, and so does z
        x, y = to_x, to_y
    return "".join(out)
