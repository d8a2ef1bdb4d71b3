"""What Grafana makes of an answer, as far as names and rows go: frames of fields, and the transformations of a panel.

Facts: grafana/grafana, packages/grafana-prometheus/src/result_transformer.ts (tables, heat maps),
pkg/promlib/querydata/response.go (legends, a query without a result is a frame without fields),
packages/grafana-data/src/transformations/transformers/*.ts,
public/app/features/transformers/timeSeriesTable/timeSeriesTableTransformer.ts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]
Labels = dict[str, str]
_LABEL = re.compile(r"\{\{\s*(\S+?)\s*\}\}")


@dataclass(frozen=True)
class Field:
    """A column. name: as it came. shown: as it is called now, after renames; also a series' legend."""

    name: str
    values: tuple[Any, ...] = ()
    labels: Labels = field(default_factory=dict)
    shown: str = ""

    @property
    def display(self) -> str:
        """What overrides and transformations call it."""
        return self.shown or self.name


@dataclass(frozen=True)
class Frame:
    """One table, or one series (`Time` and a value with labels)."""

    ref: str
    fields: tuple[Field, ...]
    is_series: bool = False

    @property
    def names(self) -> list[str]:
        """Of all fields, as they are shown."""
        return [each.display for each in self.fields]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Each by the names of its fields."""
        return [dict(zip(self.names, row, strict=True)) for row in zip(*(f.values for f in self.fields), strict=True)]

    def get(self, name: str) -> Field | None:
        """By what it is shown as, else as it came."""
        by_shown = [each for each in self.fields if each.display == name]
        return next(iter(by_shown or [each for each in self.fields if each.name == name]), None)


def legend(form: str, labels: Labels) -> str:
    """A series' name: `{{label}}` filled in; a label that it has not is empty."""
    return _LABEL.sub(lambda found: labels.get(found[1], ""), form)


def legend_labels(form: str) -> set[str]:
    """The labels that a legend names."""
    return set(_LABEL.findall(form))


def table(ref: str, series: Sequence[tuple[Labels, float]], at: float, alone: bool) -> Frame:
    """An instant answer as a table. alone: it is the panel's only query of this kind, else the value is `Value #A`."""
    if not series:
        return Frame(ref, ())
    names = list(dict.fromkeys(name for labels, _ in series for name in sorted(labels)))
    columns = (Field(name, tuple(labels.get(name, "") for labels, _ in series)) for name in names)
    value = Field("Value" if alone else f"Value #{ref}", tuple(number for _, number in series))
    return Frame(ref, (Field("Time", tuple(at for _ in series)), *columns, value))


def lines(ref: str, form: str, series: Sequence[tuple[Labels, Sequence[tuple[float, float]]]]) -> list[Frame]:
    """An answer as series, a frame each."""
    return [
        Frame(
            ref,
            (
                Field("Time", tuple(time for time, _ in points)),
                Field("Value", tuple(value for _, value in points), labels, legend(form, labels)),
            ),
            True,
        )
        for labels, points in series
    ] or [Frame(ref, ())]


def transformed(frames: Sequence[Frame], transformations: Sequence[Json], wrong: list[str]) -> list[Frame]:
    """After all transformations of a panel. wrong: gets a sentence for each name that one of them does not find."""
    now = [frame for frame in frames if frame.fields]
    for one in transformations:
        if one.get("disabled"):
            continue
        only = one.get("filter", {}).get("options")
        taken = [f for f in now if not only or re.fullmatch(only.strip("/"), f.ref)]
        kept = [f for f in now if f not in taken]
        assert one["id"] in _KNOWN, f"the transformation {one['id']} is not known here"
        now = [*kept, *_KNOWN[one["id"]](taken, one.get("options") or {}, wrong)]
    return now


def _missing(wrong: list[str], what: str, names: Sequence[str], frames: Sequence[Frame]) -> None:
    """A name must be there in one of the frames at least."""
    there = {name for frame in frames for name in frame.names}
    wrong += [f"{what} {name!r}, and there are {sorted(there)}" for name in names if name not in there]


def _organize(frames: list[Frame], options: Json, wrong: list[str]) -> list[Frame]:
    hidden = {name for name, on in (options.get("excludeByName") or {}).items() if on}
    renamed = {old: new for old, new in (options.get("renameByName") or {}).items() if new}
    places = options.get("indexByName") or {}
    _missing(wrong, "organize hides", sorted(hidden), frames)
    _missing(wrong, "organize renames", sorted(renamed), frames)
    _missing(wrong, "organize orders", sorted(places), frames)

    def one(frame: Frame) -> Frame:
        kept = sorted((f for f in frame.fields if f.display not in hidden), key=lambda f: places.get(f.display, 999))
        return replace(frame, fields=tuple(replace(f, shown=renamed.get(f.display, f.shown)) for f in kept))

    return [one(frame) for frame in frames]


def _merge(frames: list[Frame], _: Json, wrong: list[str]) -> list[Frame]:
    """Rows that agree in all fields that every frame has become one."""
    if len(frames) < 2:
        return frames
    names = list(dict.fromkeys(name for frame in frames for name in frame.names))
    key = [name for name in names if all(name in frame.names for frame in frames)]
    if not key:
        wrong.append(f"merge finds no field that all frames have: {[frame.names for frame in frames]}")
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for frame in frames:
        for number, row in enumerate(frame.rows):
            at = tuple(row[name] for name in key) if key else (frame.ref, number)
            rows.setdefault(at, {}).update(row)
    columns = (Field(name, tuple(row.get(name) for row in rows.values())) for name in names)
    return [Frame(frames[0].ref, tuple(columns))]


def _join(frames: list[Frame], options: Json, wrong: list[str]) -> list[Frame]:
    """By one field; others of the same name get a number, as Grafana shows them."""
    by = options.get("byField") or "Time"
    _missing(wrong, "joinByField joins by", [by], frames)
    having = [frame for frame in frames if by in frame.names]
    rows: dict[Any, dict[tuple[int, str], Any]] = {}
    for at, frame in enumerate(having):
        for row in frame.rows:
            rows.setdefault(row[by], {}).update({(at, name): value for name, value in row.items()})
    if options.get("mode", "outer") == "inner":
        rows = {key: row for key, row in rows.items() if len({at for at, _ in row}) == len(having)}
    columns = [(at, name) for at, frame in enumerate(having) for name in frame.names if name != by]
    fields = [Field(by, tuple(rows))]
    for at, name in columns:
        same = [other for other in columns if other[1] == name]
        shown = name if len(same) == 1 else f"{name} {same.index((at, name)) + 1}"
        fields.append(Field(name, tuple(row.get((at, name)) for row in rows.values()), shown=shown))
    return [Frame(having[0].ref if having else "", tuple(fields))]


def _time_series_table(frames: list[Frame], _: Json, wrong: list[str]) -> list[Frame]:
    """A row per series, with a sparkline; what is a table already stays."""
    found = [frame for frame in frames if not frame.is_series]
    if found:
        wrong.append(
            f"timeSeriesTable takes the table {found[0].ref}, which is a time series for it when it has one row"
        )
    for ref in dict.fromkeys(frame.ref for frame in frames if frame.is_series):
        of_ref = [frame.fields[1] for frame in frames if frame.is_series and frame.ref == ref]
        names = list(dict.fromkeys(name for value in of_ref for name in value.labels))
        columns = [Field(name, tuple(value.labels.get(name, "") for value in of_ref)) for name in names]
        found.append(Frame(ref, (*columns, Field(f"Trend #{ref}", tuple(value.values[-1:] for value in of_ref)))))
    return found


def _sort_by(frames: list[Frame], options: Json, wrong: list[str]) -> list[Frame]:
    _missing(wrong, "sortBy sorts by", [each["field"] for each in options.get("sort", [])], frames)
    return frames


def _filter_fields(frames: list[Frame], options: Json, wrong: list[str]) -> list[Frame]:
    include = options.get("include") or {}
    names, pattern = include.get("names") or [], include.get("pattern")
    _missing(wrong, "filterFieldsByName keeps", names, frames)

    def kept(name: str) -> bool:
        return name in names or bool(pattern and re.search(pattern.strip("/"), name))

    return [replace(frame, fields=tuple(f for f in frame.fields if kept(f.display))) for frame in frames]


def _calculate(frames: list[Frame], options: Json, wrong: list[str]) -> list[Frame]:
    """The name of what is calculated; its values are not."""
    binary, unary = options.get("binary") or {}, options.get("unary") or {}
    sides = [binary.get("left"), binary.get("right"), unary.get("fieldName")]
    options_of = [side.get("matcher", {}).get("options") if isinstance(side, dict) else side for side in sides]
    asked = [str(name) for name in options_of if name and not re.fullmatch(r"[\d.]+", str(name))]
    asked += (options.get("reduce") or {}).get("include") or []
    _missing(wrong, "calculateField takes", asked, frames)
    assert options.get("alias"), "calculateField without an alias"
    new = options["alias"]
    return [
        replace(
            frame,
            fields=(
                *(() if options.get("replaceFields") else frame.fields),
                Field(new, tuple(None for _ in frame.rows)),
            ),
        )
        for frame in frames
    ]


def _rename_by_regex(frames: list[Frame], options: Json, wrong: list[str]) -> list[Frame]:
    pattern = re.compile(options["regex"].strip("/"))
    if not any(pattern.search(name) for frame in frames for name in frame.names):
        wrong.append(f"renameByRegex finds nothing by {options['regex']!r}")
    to = re.sub(r"\$(\d)", r"\\\1", options["renamePattern"])
    return [
        replace(frame, fields=tuple(replace(f, shown=pattern.sub(to, f.display)) for f in frame.fields))
        for frame in frames
    ]


def _filter_by_ref(frames: list[Frame], options: Json, _: list[str]) -> list[Frame]:
    return [frame for frame in frames if re.fullmatch(options.get("include", ".*"), frame.ref)]


def _as_they_are(frames: list[Frame], options: Json, wrong: list[str]) -> list[Frame]:
    """Of filterByValue, convertFieldType and limit only the names are looked at."""
    asked = [each["fieldName"] for each in options.get("filters", [])]
    asked += [each["targetField"] for each in options.get("conversions", [])]
    _missing(wrong, "a transformation takes", asked, frames)
    return frames


_KNOWN = {
    "organize": _organize,
    "merge": _merge,
    "joinByField": _join,
    "timeSeriesTable": _time_series_table,
    "sortBy": _sort_by,
    "filterFieldsByName": _filter_fields,
    "calculateField": _calculate,
    "renameByRegex": _rename_by_regex,
    "filterByRefId": _filter_by_ref,
    "filterByValue": _as_they_are,
    "convertFieldType": _as_they_are,
    "limit": _as_they_are,
}
