"""What is said of fields: thresholds, mappings of values, links, and overrides of single fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.generator.grafana.queries import Json

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "text"


def thresholds(*steps: tuple[float, str], base: str = GREEN) -> Json:
    """Colours from values on, lowest first; `base` below the first."""
    return {
        "mode": "absolute",
        "steps": [{"color": base, "value": None}, *({"color": color, "value": value} for value, color in steps)],
    }


HEALTH = thresholds((50, ORANGE), (85, YELLOW), (100, GREEN), base=RED)
"""Of channel.health, the same on all dashboards: 100 is a channel of which nothing is found."""


def values(texts: Mapping[str, tuple[str, str]]) -> list[Json]:
    """Words and colours instead of values: {"2": ("open", RED)}."""
    options = {
        value: {"color": color, "index": index, "text": text}
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def missing(text: str, color: str = GREY) -> Json:
    """A mapping: a word where there is no value, or NaN."""
    result = {"color": color, "index": 0, "text": text}
    return {"type": "special", "options": {"match": "null+nan", "result": result}}


def link(title: str, url: str, *, new_tab: bool = False) -> Json:
    """A link behind a value. In the URL: `${__data.fields.NAME}`, `${__field.labels.NAME}`, and see links.py."""
    return {"targetBlank": new_tab, "title": title, "url": url}


def override(field: str, **properties: Any) -> Json:
    """Properties of the field of that name. `custom.x` is written `custom_x`: `override("lag", custom_width=90)`."""
    return _override({"id": "byName", "options": field}, properties)


def nothing(text: str, color: str = RED) -> dict[str, Any]:
    """For field_config: what a stat says when its query finds nothing, where that is bad news.

    Without a colour of its own it is in that of the first threshold, which mostly is green.
    """
    return {"empty": text, "mappings": [missing(text, color)]}


NOBODY = nothing("nothing is watched")
"""For a stat on observed programs, whose queries end in queries.ELSE_0."""


def hidden(field: str) -> Json:
    """A column that is not shown but that links may use; one that is excluded by `organize` they cannot.

    `hidden` is what Grafana 11 knows, `hideFrom` what 12.2 and later know; each leaves the other alone.
    """
    return override(field, custom_hidden=True, custom_hideFrom={"legend": False, "tooltip": False, "viz": True})


def override_query(query: str, **properties: Any) -> Json:
    """The same for all fields that a query returned, by its letter."""
    return _override({"id": "byFrameRefID", "options": query}, properties)


def override_matching(pattern: str, **properties: Any) -> Json:
    """The same for all fields whose names match a regular expression, without slashes."""
    return _override({"id": "byRegexp", "options": f"/{pattern}/"}, properties)


def _override(matcher: Json, properties: Mapping[str, Any]) -> Json:
    rows = [{"id": name.replace("custom_", "custom."), "value": value} for name, value in properties.items()]
    return {"matcher": matcher, "properties": rows}


def field_config(
    *,
    unit: str,
    custom: Json | None = None,
    steps: Json | None = None,
    color: str = "palette-classic",
    mappings: Sequence[Json] = (),
    links: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    empty: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    decimals: int | None = None,
) -> Json:
    """A panel's fieldConfig. empty: what is shown where there is no value."""
    given: Json = {"min": minimum, "max": maximum, "decimals": decimals, "noValue": empty}
    defaults = {
        "color": {"mode": color},
        "custom": custom or {},
        "links": list(links),
        "mappings": list(mappings),
        "thresholds": steps or thresholds(),
        "unit": unit,
        **{key: value for key, value in given.items() if value is not None},
    }
    return {"defaults": defaults, "overrides": list(overrides)}


CELLS = (
    _override({"id": "byType", "options": "string"}, {"unit": "string"}),
    override_matching(".*", noValue="-"),
)
"""Of every table, before its own overrides. Without the first a label that is a number is shown as one: pid 11126 as
"11.1 K". Without the second an empty cell has the words that are meant for an empty table."""
