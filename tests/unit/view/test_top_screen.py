"""The screen of `otelchan top`, as somebody at a terminal of 80 columns and 24 lines uses it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from otelchan.findings.types import Assessment
from otelchan.model.types import Age, BlockedList, GoroutineGroup
from otelchan.view.top_feed import Feed
from otelchan.view.top_page import Page
from otelchan.view.top_screen import MOST_ROWS, Top
from tests.support.snapshots import CALLER, WORKER, blocked, channel, finding, process, snapshot

WORK, DONE = "main.work main.go:41", "main.done main.go:50"
GROUP = GoroutineGroup("waiting", "chan send", (WORKER, CALLER), 4, CALLER, 37, Age(5, True), (1, 2), 99)
Use = Callable[[Top, "Pilot[None]"], Awaitable[None]]


def feed_of(*pids: int) -> Feed:
    """Programs with two channels each; WORK has lag 7, DONE has more blocked."""
    feed = Feed()
    for pid in pids:
        views = (channel(WORK), channel(DONE, lag=1, waiters={"recv": 9}, element_type="map[...]int"))
        waiting = BlockedList.of([blocked(7, 2)])
        seen = snapshot(views, process=process(pid), groups=(GROUP,), blocked=waiting, planes={"makes": "on"})
        feed.publish(seen, Assessment(findings=(finding(),)))
    return feed


def use(feed: Feed, what: Use, size: tuple[int, int] = (80, 24)) -> Top:
    """Somebody uses the screen; the screen as it was left."""

    async def session() -> Top:
        top = Top(feed)
        async with top.run_test(size=size) as pilot:
            await pilot.pause()
            await what(top, pilot)
        return top

    return asyncio.run(session())


def names(top: Top, view: str = "channels", column: int = 7) -> list[str]:
    """What is in a column of a table, from the top."""
    table = top.query_one(f"#{view}", DataTable)
    return [str(table.get_row_at(row)[column]).strip() for row in range(table.row_count)]


def text(top: Top) -> str:
    """All that is to be seen."""
    width, height = top.size
    return "\n".join(
        "".join(segment.text for segment in line).rstrip()
        for line in top.screen._compositor.render_strips()[:height]
        if width
    )


def test_channels_are_seen_at_once_by_lag() -> None:
    """In 80 columns, with the program, the views and the keys."""

    async def look(top: Top, pilot: "Pilot[None]") -> None:
        seen = text(top)
        assert "shop 1: 1 finding, 12 goroutines" in seen
        assert "1 channels 2  2 goroutines 1  3 findings 1  4 agent" in seen
        assert "lagv" in seen
        assert WORK in seen
        assert "? help  q end" in seen
        assert all(len(line) <= 80 for line in seen.splitlines())
        assert [WORK, DONE] == names(top)

    use(feed_of(1), look)


def test_keys_sort_and_turn() -> None:
    """By the next column, by one that has a key, the other way round."""

    async def sort(top: Top, pilot: "Pilot[None]") -> None:
        orders = {}
        for key in ("s", "r", "l", "o"):
            await pilot.press(key)
            orders[key] = names(top)
        assert {"s": [DONE, WORK], "r": [WORK, DONE], "l": [WORK, DONE], "o": [WORK, DONE]} == orders
        assert "oldestv" in text(top)

    use(feed_of(1), sort)


def test_a_click_on_a_heading_sorts_by_it_and_then_turns() -> None:
    """As people expect."""

    async def click(top: Top, pilot: "Pilot[None]") -> None:
        orders = []
        for _ in range(2):
            await pilot.click("#channels", offset=(8, 0))
            await pilot.pause()
            orders.append(names(top))
        assert [[DONE, WORK], [WORK, DONE]] == orders

    use(feed_of(1), click)


def test_a_filter_shows_what_has_the_text_in_it() -> None:
    """While it is typed; letters in it are no keys; escape shows everything again."""

    async def search(top: Top, pilot: "Pilot[None]") -> None:
        await pilot.press("slash", *"done")
        typed = names(top)
        await pilot.press("enter", "s")  # a key again
        kept = names(top)
        await pilot.press("escape")
        assert ([DONE], [DONE], [DONE, WORK]) == (typed, kept, names(top))

    use(feed_of(1), search)


def test_enter_opens_a_channel_with_the_stacks_of_those_that_wait() -> None:
    """And escape goes back."""

    async def open_(top: Top, pilot: "Pilot[None]") -> None:
        await pilot.press("enter")
        page = text(top)
        await pilot.press("escape")
        assert "1 x chan send, oldest 2.0 s, goroutine 7" in page
        assert "main.worker main.go:57" in page
        assert not isinstance(top.screen, Page)

    use(feed_of(1), open_)


def test_an_open_page_is_kept_up_to_date() -> None:
    """Until the channel is gone, which it says."""
    feed = feed_of(1)

    async def watch(top: Top, pilot: "Pilot[None]") -> None:
        await pilot.press("enter")
        feed.publish(snapshot(process=process(1)), Assessment())
        await pilot.pause(0.3)
        assert f"There is no channel of the name {WORK} any more." in text(top)

    use(feed, watch)


def test_views_are_gone_through_with_tab_and_numbers() -> None:
    """Goroutines, findings, the agent; enter opens what is there."""

    async def go(top: Top, pilot: "Pilot[None]") -> None:
        pages = []
        for keys in (("tab", "enter"), ("escape", "3", "enter"), ("tab", "tab")):
            await pilot.press(*keys)
            await pilot.pause()
            pages.append(text(top))
        await pilot.press("tab", "tab")
        assert "37 x chan send" in pages[0]
        assert "`otelchan explain F1`" in pages[1]
        assert "probes: makes on" in pages[2]
        assert "waits for" in text(top)

    use(feed_of(1), go)


def test_of_several_programs_one_can_be_shown_alone() -> None:
    """A column says whose a row is."""

    async def switch(top: Top, pilot: "Pilot[None]") -> None:
        shown = []
        for _ in range(4):
            shown.append(names(top, column=0))
            await pilot.press("p")
        assert [["1", "2", "1", "2"], ["1", "1"], ["2", "2"], ["1", "2", "1", "2"]] == shown

    use(feed_of(1, 2), switch)


def test_the_cursor_stays_on_what_it_was_on() -> None:
    """Also when that has another place, or there is less."""
    feed = feed_of(1)

    async def follow(top: Top, pilot: "Pilot[None]") -> None:
        table = top.query_one("#channels", DataTable)
        await pilot.press("down")
        places = [table.cursor_row]
        for views in ((channel(DONE, lag=99), channel(WORK)), (channel(WORK),), ()):
            feed.publish(snapshot(views, process=process(1)), Assessment())
            await pilot.pause(0.3)
            places.append(table.cursor_row)
        assert [1, 0, 0, 0] == places

    use(feed, follow)


def test_there_is_help() -> None:
    """It fits the screen."""

    async def ask(top: Top, pilot: "Pilot[None]") -> None:
        await pilot.press("question_mark")
        assert "end, and let the programs go" in text(top)
        assert top.screen.query_one("#page", Static).region.height <= 23

    use(feed_of(1), ask)


def test_it_ends_when_asked() -> None:
    """By q, by ctrl+c, or by whoever feeds it."""
    feed = feed_of(1)

    async def end(top: Top, pilot: "Pilot[None]", key: str) -> None:
        running = [top.is_running]
        if key:
            await pilot.press(key)
        else:
            feed.end()
        await pilot.pause(0.3)
        assert [True, False] == [*running, top.is_running]

    use(feed, lambda top, pilot: end(top, pilot, "q"))
    use(feed, lambda top, pilot: end(top, pilot, "ctrl+c"))
    use(feed, lambda top, pilot: end(top, pilot, ""))


def test_nothing_to_show_is_no_error() -> None:
    """No program yet; a program without anything; one that has ended; keys all the same; any size."""
    empty, ended = Feed(), Feed()
    ended.publish(snapshot(), Assessment())
    ended.publish(snapshot(ended=True), Assessment())

    async def press_all(top: Top, pilot: "Pilot[None]") -> None:
        await pilot.press("s", "r", "k", "p", "enter", "escape", "2", "enter", "3", "enter", "4", "slash", "x", "enter")

    for feed, size in ((empty, (80, 24)), (ended, (20, 5)), (ended, (300, 100))):
        use(feed, press_all, size)


def test_very_many_rows_are_shown_as_far_as_somebody_may_read() -> None:
    """A filter finds the others."""
    feed = Feed()
    feed.publish(snapshot([channel(f"main.c{n}", lag=n) for n in range(2 * MOST_ROWS)]), Assessment())

    async def search(top: Top, pilot: "Pilot[None]") -> None:
        before = len(names(top))
        await pilot.press("slash", *"c7", "enter")
        assert (MOST_ROWS, True) == (before, "main.c7" in names(top))

    use(feed, search)


def test_a_bug_ends_it_without_a_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever runs it says so in one sentence."""
    feed = Feed()
    feed.publish(snapshot([None]), Assessment())  # type: ignore[list-item]
    top = Top(feed)
    top.run(headless=True)

    assert isinstance(top.failure, AttributeError)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_brackets_in_a_name_are_no_markup() -> None:
    """Go's generic functions and types have them."""
    feed, name = Feed(), "map[string]int Push[...]"
    feed.publish(snapshot([channel(name)]), Assessment())

    async def look(top: Top, pilot: "Pilot[None]") -> None:
        on_screen = text(top)
        await pilot.press("enter")
        assert (True, True) == (name in on_screen, name in text(top))

    use(feed, look)
