"""The dashboards of channels and closes on series that are written down here, by Prometheus's own engine.

A sample comes each 30 s; the time range is the ten minutes before minute 29.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from dashboards.generator.boards.channels import BOARD
from dashboards.generator.boards.channels_states import STATES
from dashboards.generator.boards.channels_table import TABLE
from dashboards.generator.boards.close_after import DELAY, LEFT, PANICS
from dashboards.generator.boards.close_order import CLOSERS, CLOSES, ORDER
from dashboards.generator.grafana.queries import Json
from tests.support.promtool import answer, query_of

CHOSEN = {"$job": ".+", "$instance": ".+", "$channel": ".+", "$__rate_interval": "1m", "$__range": "10m"}
AT = "29m"
PROCESS = 'job="shop", instance="one"'
ALWAYS, LATE = "x60", "_x50 "
"""For all the time; only since minute 25, within the time range."""


def of(metric: str, channel: str, more: str = "") -> str:
    """A series of a channel."""
    return f'{metric}{{{PROCESS}, channel_name="{channel}"{f", {more}" if more else ""}}}'


def told(folder: Path, panel: Json, series: Mapping[str, str], ref: str = "A") -> dict[str, float]:
    """Value by channel, "" for what is about all of them."""
    rows = answer(folder, query_of(panel, ref, CHOSEN), series, AT)
    found = {labels.get("channel_name", ""): value for labels, value in rows}
    assert len(found) == len(rows), rows
    return found


def panel(title: str) -> Json:
    """Of the dashboard of channels."""
    (found,) = (each for row in BOARD.rows for each in row.panels if each["title"] == title)
    return found


ORDERS = {
    of("channel_lag", "orders"): f"3{ALWAYS}",
    of("channel_capacity", "orders"): f"4{ALWAYS}",
    of("channel_waiters", "orders", 'channel_operation="send"'): f"2{ALWAYS}",
    of("channel_waiters", "orders", 'channel_operation="recv"'): f"0{ALWAYS}",
    of("channel_wait_age_seconds", "orders", 'channel_operation="send"'): "0+30x60",
}
QUIET = {of("channel_lag", "quiet"): f"0{ALWAYS}", of("channel_capacity", "quiet"): f"0{ALWAYS}"}
TIMER = {
    of("channel_capacity", "timer"): f"1{ALWAYS}",
    of("channel_waiters", "timer", 'channel_operation="recv"'): f"99{ALWAYS}",
    of("channel_wait_age_seconds", "timer", 'channel_operation="recv"'): "0+30x60",
}


@pytest.mark.parametrize("ref", [target["refId"] for target in TABLE["targets"]])
def test_each_query_of_the_table_has_the_same_rows(tmp_path: Path, ref: str) -> None:
    """Those of the program's own channels: what a channel has not is 0, or not a number where it is not known."""
    assert {"orders", "quiet"} == set(told(tmp_path, TABLE, {**ORDERS, **QUIET, **TIMER}, ref))


def test_what_is_not_counted_is_no_zero(tmp_path: Path) -> None:
    """The rate of a channel whose operations nobody counts."""
    sent = of("channel_process_total", "orders", 'channel_operation="send", channel_status="ok"')
    rates = told(tmp_path, TABLE, {**ORDERS, **QUIET, sent: "0+60x60"}, "G")
    assert (2.0, True) == (rates["orders"], math.isnan(rates["quiet"]))


def test_buffers_are_as_full_as_they_are(tmp_path: Path) -> None:
    """A channel without a buffer is not among them."""
    assert {"orders": 0.75} == told(tmp_path, panel("How full the buffers are"), {**ORDERS, **QUIET})


def test_one_full_buffer_is_not_hidden_by_those_of_other_instances(tmp_path: Path) -> None:
    """Of ten replicas one hangs."""
    idle = {
        f'{metric}{{job="shop", instance="idle{n}", channel_name="orders"}}': f"{value}{ALWAYS}"
        for n in range(9)
        for metric, value in (("channel_lag", 0), ("channel_capacity", 4))
    }
    assert {"orders": 0.75} == told(tmp_path, panel("How full the buffers are"), {**ORDERS, **idle})
    lines = [told(tmp_path, panel("Lag against capacity"), {**ORDERS, **idle}, ref) for ref in "AB"]
    assert [{"orders": 3.0}, {"orders": 4.0}] == lines


def test_the_table_has_the_worst_of_very_many(tmp_path: Path) -> None:
    """The same ones in every query, or rows would be of different channels."""
    many = {of("channel_lag", f"c{n}"): f"{n}{ALWAYS}" for n in range(250)}
    worst = {f"c{n}" for n in range(50, 250)}
    assert [] == [t["refId"] for t in TABLE["targets"] if set(told(tmp_path, TABLE, many, t["refId"])) != worst]


def test_who_waits_for_a_timer_is_not_the_oldest(tmp_path: Path) -> None:
    """Somebody always does."""
    assert {"orders": 1740.0} == told(tmp_path, panel("Oldest wait"), {**ORDERS, **TIMER})


def test_the_worst_state_is_shown(tmp_path: Path) -> None:
    """Of all channels of a name, and of names: twenty that are in use do not hide one that is stalled."""
    healthy = {of("channel_lag", f"other{n}"): f"9{ALWAYS}" for n in range(20)}
    in_use = {of("channel_count", f"other{n}", 'channel_state="in_use"'): f"1{ALWAYS}" for n in range(20)}
    mixed = {
        of("channel_count", "orders", 'channel_state="in_use"'): f"5{ALWAYS}",
        of("channel_count", "orders", 'channel_state="closed"'): f"0{ALWAYS}",
        of("channel_count", "orders", 'channel_state="stalled"'): f"{LATE}1x10",
    }
    shown = told(tmp_path, STATES, {**healthy, **in_use, **ORDERS, **mixed})
    texts = STATES["fieldConfig"]["defaults"]["mappings"][0]["options"]
    words = {name: texts[f"{value:g}"]["text"] for name, value in shown.items()}
    assert ("stalled", {"in use"}, 15) == (words.pop("orders"), set(words.values()), len(shown))


CLOSED = {
    of("channel_lag", "orders"): f"0{ALWAYS}",
    of("channel_close_total", "orders"): "0x49 1x10",
    of("channel_close_residue_total", "orders"): f"{LATE}7x10",
    of("channel_close_drained_total", "orders"): f"{LATE}3x10",
    of("channel_close_time_seconds", "orders", 'code_function_name="main.stop"'): f"{LATE}1500x10",
}
LONG_AGO = {series.replace("orders", "old"): f"{values.split()[-1][0]}x60" for series, values in CLOSED.items()}


def test_what_a_first_close_left_is_counted(tmp_path: Path) -> None:
    """There is no series before it from which a number could have grown; what was closed long ago is not of now."""
    series = {**CLOSED, **LONG_AGO}
    assert {"orders": 4.0, "old": 0.0} == told(tmp_path, ORDER, series, "D")
    assert {"": 4.0} == told(tmp_path, LEFT, series)
    assert {"": 1.0} == told(tmp_path, CLOSES, series)


def test_a_program_that_has_ended_is_in_the_order_of_closes(tmp_path: Path) -> None:
    """A shutdown is looked at afterwards."""
    ended = {name: values.replace("x10", "x3 stale") for name, values in CLOSED.items()}
    series = {**ended, of("channel_lag", "orders"): "0x53 stale"}
    assert {"orders": 1500_000.0} == told(tmp_path, ORDER, series)
    shown = [round(told(tmp_path, ORDER, series, ref)["orders"]) for ref in "BCD"]
    assert [1, 7, 4] == shown, "without decimals, as the table shows them: increase() extrapolates"


def test_a_panic_that_ended_the_program_is_counted(tmp_path: Path) -> None:
    """It has one sample or two. Where nothing panicked there is a 0, where nothing was watched nothing."""
    watched = {f"go_goroutine_count{{{PROCESS}}}": "5x51 stale"}
    died = {of("channel_panic_total", "orders", 'error_type="send_on_closed"'): f"{LATE}1 1 stale"}
    assert [{"": 1.0}, {"": 0.0}, {}] == [told(tmp_path, PANICS, each) for each in ({**watched, **died}, watched, {})]


def test_who_closes_and_does_not_send_is_told(tmp_path: Path) -> None:
    """Of a counter that stays 0 where a close is known in another way than by a sample."""

    def edge(operation: str, function: str) -> str:
        return of("channel_edge_total", "orders", f'channel_operation="{operation}", code_function_name="{function}"')

    series = {**ORDERS, edge("close", "main.stop"): "0x60", edge("send", "main.put"): "9x60"}
    assert [{"orders": 1.0}, {"orders": 0.0}] == [told(tmp_path, CLOSERS, series, ref) for ref in "AB"]
    assert {"orders": 1.0} == told(tmp_path, CLOSERS, {**series, edge("send", "main.stop"): "1x60"}, "B")


def test_delays_of_a_first_close_are_in_the_heat_map(tmp_path: Path) -> None:
    """All of them come at once, with the first sample."""
    delays = {of("channel_close_read_delay_seconds_bucket", "orders", 'le="1"'): "_x57 8x2"}
    assert {"": 8.0} == told(tmp_path, DELAY, {**CLOSED, **delays})
