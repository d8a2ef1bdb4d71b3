"""What the tests read out of PromQL: what is none, which metrics and labels it names, and Grafana's intervals in it."""

from __future__ import annotations

import promql_parser as tree
import pytest

from tests.support.promql import INTERVAL, RANGE, RATE_INTERVAL, fault, grouped, nodes, parsed, selectors

BAD = (
    "sum(rate(x[5m])",
    "rate(x[5m]",
    'x{a="b"',
    "sum by le (x)",
    "x[5 parsec]",
    "ratee(x[5m])",
    "rate(x)",
    "x{a==1}",
    "sum(x) by",
    "1 +",
    "histogram_quantile(x)",
    "x{job=$job}",
    "rate(x[$__rate_intervall])",
    "",
)
GOOD = (
    "rate(x[$__rate_interval]) / on (job) group_left (a) (y offset $__interval > 0)",
    "increase(x[$__range] @ end())",
    'x{job=~"$job", instance=~"${instance}"} or on () vector(0)',
    "time() - x < $__range_s",
    "1000 * x < ${__rate_interval_ms}",
    'max_over_time(rate({__name__=~"x(_total)?"}[5m])[1h:1m])',
    'count_values by (job) ("mainstat", x)',
)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_promql_is_refused(text: str) -> None:
    """Also a wrong type, a wrong number of arguments, and a variable that Grafana does not have."""
    assert "" != fault(text)


@pytest.mark.parametrize("text", GOOD)
def test_what_is_promql_is_read(text: str) -> None:
    """Once Grafana has put in its variables."""
    assert "" == fault(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$__rate_interval", RATE_INTERVAL),
        ("${__rate_interval}", RATE_INTERVAL),
        ("$__range", RANGE),
        ("$__interval", INTERVAL),
    ],
)
def test_grafanas_intervals_are_known_again(text: str, expected: object) -> None:
    """By their lengths, which nobody would write."""
    assert [expected] == [n.range for n, _ in nodes(parsed(f"rate(x[{text}])")) if isinstance(n, tree.MatrixSelector)]


def test_metrics_and_labels_of_matchers_are_read() -> None:
    """Also of a metric that is named by a pattern, as the Collector's counters are, and on both sides of `unless`."""
    text = 'sum(rate({__name__=~"a_b(_seconds)?(_total)?", x="1"}[5m])) / (c{y!~"2", z=~"3"} unless d offset 5m)'
    assert [("a_b", {"x"}), ("c", {"y", "z"}), ("d", set())] == [(s.metric, set(s.labels)) for s in selectors(text)]
    (_, second, _) = selectors(text)
    assert ["!~", "=~", ""] == [second.operator("y", "2"), second.operator("z", "3"), second.operator("z", "4")]


def test_labels_that_are_grouped_by_are_read() -> None:
    """In by, without, on, ignoring, group_left and group_right."""
    text = "sum by (a) (x) * on (b) group_left (c) sum without (d) (y) + ignoring (e) group_right (f) z"
    assert set("abcdef") == grouped(text)
