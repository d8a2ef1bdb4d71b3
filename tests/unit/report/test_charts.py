"""Charts of a report: what is drawn where, in which colour, and what a page may carry."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from xml.etree import ElementTree

import matplotlib
import pytest

from otelchan.report import charts
from otelchan.report.types import HeatMap, Line, Stretch, Timeline

SECOND = 1_000_000_000
START = 1_795_312_800 * SECOND  # 02:00:00 UTC
MOST = 40_000
HOSTILE = '<script>alert(1)</script> $x^2$ "q" \x00\u202e'


def moments(count: int) -> list[int]:
    """One a second."""
    return [START + second * SECOND for second in range(count)]


def line(values: Sequence[float | None], label: str = "main.jobs") -> Line:
    """One value a second."""
    return Line(label, moments(len(values)), values)


def elements(html: str) -> ElementTree.Element:
    """The chart as a tree: it must be well-formed."""
    return ElementTree.fromstring(html)


def shapes(html: str, colour: str) -> list[list[tuple[float, float]]]:
    """Of the picture, not the legend: the corners of each stretch of what is drawn in a colour, "--s1"."""
    found = []
    for path in elements(html).findall(".//div[@class='canvas']//path"):
        if f"var({colour})" in (path.get("stroke"), path.get("fill")):
            found += [corners(part) for part in re.split("(?=M)", path.get("d", ""))[1:]]
    return found


def corners(way: str) -> list[tuple[float, float]]:
    """Of one stretch of a path: moves and lines, H and V being lines to the side and up or down."""
    points: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([MLHV])([^MLHVz]*)", way):
        values = [float(number) for number in numbers.split()]
        x, y = points[-1] if points else (0.0, 0.0)
        points.append({"H": (values[0], y), "V": (x, values[0])}.get(command) or (values[0], values[1]))
    return points


def words(html: str) -> list[str]:
    """All text of the picture's axes."""
    return [text.text or "" for text in elements(html).findall(".//text")]


def said(html: str) -> list[str]:
    """What the pointer finds."""
    return [title.text or "" for title in elements(html).findall(".//title")]


def legend(html: str) -> list[str]:
    """The text of each entry."""
    return ["".join(item.itertext()) for item in elements(html).findall(".//li")]


def every_chart(label: str) -> list[str]:
    """One of each kind with a label."""
    heat = HeatMap(moments(3), [0.001, 0.1], [[0, 5], [1.0, None], [0, 0]])
    rows = [Timeline(label, [Stretch(START, START + SECOND, "stalled")])]
    return [
        charts.lines([line([1, None, 3], label)], "goroutines", label),
        charts.areas([line([1, 2, 3], label)], "goroutines", label),
        charts.heat_map(heat, label),
        charts.timeline(rows, label),
        charts.sparkline(line([1, 2, 3], label), label),
    ]


def test_a_value_halfway_up_the_axis_is_drawn_halfway() -> None:
    """And a moment halfway through the time halfway across: lines are where their numbers are."""
    (points,) = shapes(charts.lines([line([0, 50, 100])], "goroutines", "All"), "--s1")
    (left, bottom), (middle, half), (right, top) = points
    assert bottom > top
    assert pytest.approx((left + right) / 2, abs=0.2) == middle
    assert pytest.approx((bottom + top) / 2, abs=0.2) == half


def test_the_axes_say_time_of_day_and_amounts() -> None:
    """In UTC, and from 0, in round steps."""
    chart = charts.lines([line([float(second) for second in range(301)])], "s", "Age")
    assert ["02:00", "02:02", "02:04", "0 s", "2 min", "4 min", "6 min"] == words(chart)


def test_several_charts_can_show_the_same_time() -> None:
    """Whatever part of it they have values for: what is at the same place was at the same time."""
    span = (START, START + 100 * SECOND)
    half = [Line("main.jobs", [START + 50 * SECOND, START + 100 * SECOND], [1, 1])]
    heat = HeatMap([START + 50 * SECOND, START + 100 * SECOND], [1.0], [[1], [0]])
    rows = [Timeline("main.jobs", [Stretch(START + 50 * SECOND, START + 100 * SECOND, "closed")])]
    drawn = [
        (charts.lines(half, "goroutines", "x", span), "--s1"),
        (charts.areas(half, "goroutines", "x", span), "--s1"),
        (charts.heat_map(heat, "x", span), "--h7"),
        (charts.timeline(rows, "x", span), "--done"),
    ]
    for chart, colour in drawn:
        places = {word.text: float(word.get("x", "")) for word in elements(chart).findall(".//text")}
        (points,) = shapes(chart, colour)
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        assert "02:00:00" in places or "02:00" in places
        start = places.get("02:00:00") or places["02:00"]
        assert pytest.approx(start, abs=1) == left - (right - left)


def test_what_is_not_known_is_a_gap() -> None:
    """A line is not drawn across it, and a single moment between two gaps is still seen."""
    left, alone, right = shapes(charts.lines([line([1, 2, None, 3, None, 4, 5])], "goroutines", "All"), "--s1")
    assert [2, 2, 2] == [len(left), len(alone), len(right)]
    assert alone[0][1] == alone[1][1]
    assert alone[1][0] - alone[0][0] > 1


def test_a_single_moment_is_seen() -> None:
    """In the middle of an axis that has other times too."""
    chart = charts.lines([line([5])], "goroutines", "All")
    ((start, end),) = shapes(chart, "--s1")
    assert end[0] - start[0] > 1
    assert "02:00:00" in words(chart)


def test_of_many_points_no_peak_is_lost() -> None:
    """A second of a day's 86,400 in which a value was high is drawn, at its height, and at its place."""
    values: list[float | None] = [1.0] * 86_400
    values[64_800] = 100.0
    chart = charts.lines([line(values)], "goroutines", "All")
    (points,) = shapes(chart, "--s1")
    highest = min(points, key=lambda point: point[1])
    left, right = points[0][0], points[-1][0]
    assert len(points) < 300
    assert pytest.approx(0.75, abs=0.005) == (highest[0] - left) / (right - left)
    assert ["main.jobs: 1 to 100, last 1"] == said(chart)


def test_of_many_lines_the_highest_are_drawn_and_the_rest_counted() -> None:
    """Eight colours can be told apart; that there are more is said."""
    chart = charts.lines([line([number, number], f"line {number}") for number in range(1, 12)], "goroutines", "All")
    assert [f"line {number}" for number in range(11, 3, -1)] == legend(chart)[:8]
    assert ["and 3 more, lower"] == legend(chart)[8:]
    assert 8 == sum(len(shapes(chart, f"--s{number}")) for number in range(1, 9))


def test_areas_stand_upon_each_other() -> None:
    """The largest at the bottom; the edge between two is where the first ends, the top is their sum."""
    chart = charts.areas([line([1, 1], "small"), line([3, 3], "large")], "goroutines", "All")
    (lower,), (upper,) = shapes(chart, "--s1"), shapes(chart, "--s2")
    ground, edge, top = max(y for _, y in lower), min(y for _, y in lower), min(y for _, y in upper)
    assert ["large", "small"] == legend(chart)
    assert edge == max(y for _, y in upper)
    assert pytest.approx(3 / 4, abs=0.01) == (ground - edge) / (ground - top)


def test_the_smallest_areas_are_summed_up() -> None:
    """So that the top is the sum of all, and the legend says of how many."""
    chart = charts.areas([line([1, 1], f"line {number}") for number in range(20)], "goroutines", "All")
    assert "13 others" == legend(chart)[-1]
    assert "13 others: 13 to 13, last 13" == said(chart)[-1]
    assert "20" in words(chart)


def test_a_cell_of_the_heat_map_is_coloured_by_its_rate() -> None:
    """The highest rate has the strongest colour, nothing has none, what is not known is grey."""
    chart = charts.heat_map(
        HeatMap(moments(5), [0.001, 0.1], [[0, 64, 64, None], [1, 0, 8, None], [0, 0, 0, None]]), "Block"
    )
    strongest, middle, weakest, unknown = (shapes(chart, name) for name in ("--h7", "--h6", "--h5", "--unknown"))
    assert [1, 1, 1, 2] == [len(strongest), len(middle), len(weakest), len(unknown)]  # 64 and 64 are one
    width = unknown[0][1][0] - unknown[0][0][0]
    assert pytest.approx(2 * width, abs=0.3) == strongest[0][1][0] - strongest[0][0][0]
    assert min(y for _, y in weakest[0]) < min(y for _, y in strongest[0])  # the longer block is higher up
    assert {"1 ms", "100 ms"} < set(words(chart))
    expected = {"over 16/s, up to 64/s", "over 4/s, up to 16/s", "up to 4/s", "not known"}
    assert expected == set(said(chart))
    assert ["fewer ", "", "64/s", "not known"] == legend(chart)


def test_many_columns_become_fewer_with_the_mean_rate() -> None:
    """Weighted by time: 1,000 columns, of which one was busy."""
    rates: list[float | None] = [0.0] * 1000
    rates[500] = 90.0
    chart = charts.heat_map(HeatMap(moments(1001), [0.001], [rates, [0.0] * 1000]), "Block")
    assert ["up to 10/s"] == said(chart)  # nine columns were joined
    assert 1 == len(shapes(chart, "--h7"))


def test_a_bar_is_as_long_as_its_state_held() -> None:
    """From its start to its end, in the colour of its state; where nothing is known there is nothing."""
    rows = [
        Timeline(
            "main.jobs",
            [
                Stretch(START, START + 10 * SECOND, "in_use"),
                Stretch(START + 20 * SECOND, START + 50 * SECOND, "stalled"),
            ],
        )
    ]
    chart = charts.timeline(rows, "States")
    (calm,), (hot,) = shapes(chart, "--calm"), shapes(chart, "--hot")
    unit = calm[1][0] - calm[0][0]
    assert [pytest.approx(2 * unit, abs=0.3), pytest.approx(5 * unit, abs=0.3)] == [x - calm[0][0] for x, _ in hot[:2]]
    assert ["main.jobs: in use, 10 s", "main.jobs: stalled, 30 s"] == said(chart)
    assert ["in use", "stalled"] == legend(chart)


def test_a_bar_stands_beside_its_name() -> None:
    """The first row at the top."""
    rows = [Timeline(name, [Stretch(START, START + SECOND, name)]) for name in ("stalled", "closed", "in_use")]
    chart = charts.timeline(rows, "States")
    names = {word.text: float(word.get("y", "")) for word in elements(chart).findall(".//text")}
    bars = [[y for _, y in shapes(chart, colour)[0]] for colour in ("--hot", "--done", "--calm")]
    middles = [(min(bar) + max(bar)) / 2 for bar in bars]
    assert 0 < min(bars[0])
    assert sorted(middles) == middles
    assert middles == [pytest.approx(names[row.label], abs=5) for row in rows]


def test_of_many_stretches_the_worst_is_not_lost() -> None:
    """A second of stalled among 9,999 of which every other is another state is still drawn."""
    states = ["created" if number % 2 else "in_use" for number in range(10_000)]
    states[7777] = "stalled"
    stretches = [Stretch(START + n * SECOND, START + (n + 1) * SECOND, state) for n, state in enumerate(states)]
    chart = charts.timeline([Timeline("main.jobs", stretches)], "States")
    assert 1 == len(shapes(chart, "--hot"))
    assert "main.jobs: stalled, 1 s" in said(chart)


def test_rows_that_were_left_out_are_counted() -> None:
    """Twenty-four are drawn."""
    rows = [Timeline(f"row {number}", [Stretch(START, START + SECOND, "closed")]) for number in range(30)]
    assert ["closed", "and 6 more"] == legend(charts.timeline(rows, "States"))


def test_a_sparkline_ends_in_a_dot_at_the_last_value() -> None:
    """The highest value is at the top, 0 at the bottom, and its words say the numbers."""
    spark = elements(charts.sparkline(line([0, 10, 5]), "lag"))
    (circle,), (path,) = spark.findall("circle"), spark.findall("path")
    assert "M2 21.5L56 2.5L110 12" == path.get("d")
    assert ("110", "12.0") == (circle.get("cx"), circle.get("cy"))
    assert "lag: 0 to 10, last 5" == spark.get("aria-label")


def test_nothing_is_said_in_words() -> None:
    """And that all is 0 is not the same as that nothing was recorded."""
    empty, zero = "X: nothing was recorded.", "X: 0 all the time."
    assert [empty] * 4 == [
        elements(chart).findtext("p")
        for chart in (
            charts.lines([], "s", "X"),
            charts.areas([line([None, None])], "s", "X"),
            charts.heat_map(HeatMap(moments(2), [1.0], [[None], [None]]), "X"),
            charts.timeline([Timeline("row", [])], "X"),
        )
    ]
    assert zero == elements(charts.areas([line([0, 0])], "s", "X")).findtext("p")
    assert zero == elements(charts.heat_map(HeatMap(moments(2), [1.0], [[0], [0]]), "X")).findtext("p")
    assert "lag: not known" == elements(charts.sparkline(line([None]), "lag")).get("aria-label")


def test_a_name_cannot_leave_its_place() -> None:
    """Whatever a program calls its channels: tags, quotes, formulas, null bytes, letters that turn the direction."""
    for chart in every_chart(HOSTILE):
        tags = {element.tag for element in elements(chart).iter()}
        assert tags <= {"div", "svg", "g", "path", "text", "title", "circle", "rect", "ul", "li", "span", "polygon"}
        assert "\x00" not in chart
        assert "\u202e" not in chart
        assert "alert(1)</script" not in chart
    assert '<script>alert(1)</script> $x^2$ "q" \ufffd\ufffd' in legend(every_chart(HOSTILE)[0])


def test_colours_are_names_that_the_page_knows() -> None:
    """Light or dark is the reader's choice: no colour of its own, no style, no id, no address in any chart."""
    for chart in every_chart("main.jobs"):
        for element in elements(chart).iter():
            assert not {"style", "id", "href", "clip-path"} & {name.rpartition("}")[2] for name in element.attrib}
            for colour in (element.get("fill"), element.get("stroke")):
                assert colour in (None, "none") or re.fullmatch(r"var\(--[a-z0-9]+\)", colour), colour


def test_the_same_input_gives_the_same_bytes() -> None:
    """Also where a user's own settings of matplotlib say otherwise, which stay as they were."""
    first = every_chart("main.jobs")
    with matplotlib.rc_context(
        {"lines.dash_capstyle": "round", "grid.linestyle": "--", "xtick.labelsize": 5, "font.size": 30}
    ):
        assert first == every_chart("main.jobs")
        assert 30 == matplotlib.rcParams["font.size"]


def test_a_chart_stays_small_whatever_is_in_it() -> None:
    """A page with many programs stays under 1 MB: 40 kB for a chart, 1.5 kB for a sparkline."""
    name = "main.(*Service).handleRequest.func1 chan *shop/internal/orders.Order orders.go:123"
    many = [line([float(n * 7919 % (104_729 - k)) for n in range(5_000)], f"{name}{k}") for k in range(30)]
    cells = [[float((n * 7919 + k) % 997) for n in range(2_000)] for k in range(30)]
    states = ("in_use", "stalled", "created", "saturated")
    stretches = [
        Stretch(START + n * SECOND, START + (n + 1) * SECOND, states[n * 7919 % 101 % 4]) for n in range(2_000)
    ]
    sizes = {
        "lines": len(charts.lines(many, "goroutines", name)),
        "areas": len(charts.areas(many, "goroutines", name)),
        "heat": len(charts.heat_map(HeatMap(moments(2_001), [1e-6 * 2**k for k in range(29)], cells), name)),
        "timeline": len(charts.timeline([Timeline(f"{name}{k}", stretches) for k in range(40)], name)),
    }
    assert {} == {kind: size for kind, size in sizes.items() if size > MOST}
    assert 1_500 > len(charts.sparkline(many[0], name))


def test_without_matplotlib_it_says_what_to_install() -> None:
    """Not everybody has it; and nothing of it is imported until the first chart is drawn."""
    code = (
        "import sys\n"
        "from otelchan.report import charts, graph\n"
        "print('matplotlib' in sys.modules)\n"
        "sys.modules['matplotlib'] = None\n"
        "try: charts.check()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = (
        "False\nUsageError the charts of a report need matplotlib, which is not installed; "
        "run `pip install 'otelchan[report]'`\n"
    )
    assert expected == done.stdout
