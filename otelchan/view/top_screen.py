"""`otelchan top`: the screen. It takes looks from a feed when there are new ones, and knows not where they are from.

It imports textual, which comes with the extra `tui`, and which draws on stderr.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.coordinate import Coordinate
from textual.widgets import ContentSwitcher, DataTable, Input, Static

from otelchan.view.table import Column
from otelchan.view.top_detail import channel_lines, finding_lines, group_lines
from otelchan.view.top_feed import Feed
from otelchan.view.top_page import HELP, Lines, Page
from otelchan.view.top_rows import SORTS, ChannelRow, FindingRow, GroupRow, Look, identity, matching
from otelchan.view.top_text import (
    CHANNEL_COLUMNS,
    FINDING_COLUMNS,
    GROUP_COLUMNS,
    Frame,
    about_program,
    about_watching,
    channel_cells,
    finding_cells,
    group_cells,
)

MOST_ROWS = 500
"""Of a table: more of them nobody reads, and a filter finds the others."""
_POLL_S = 0.2
_BEGINNING = "reading the executable, which takes some seconds for the first time ..."
_TABLES = ("channels", "goroutines", "findings")
_VIEWS = (*_TABLES, "agent")
_HEADINGS: dict[str, Sequence[Column]] = {
    "channels": CHANNEL_COLUMNS,
    "goroutines": GROUP_COLUMNS,
    "findings": FINDING_COLUMNS,
}
_KEYS = "tab view  enter open  s sort  r turn  / filter  p program  ? help  q end"

Row = ChannelRow | GroupRow | FindingRow


class Top(App[None]):
    """Four views of the same looks: channels, goroutines, findings, and the agent."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #programs, #tabs, #keys { height: 1; }
    #programs { text-style: bold; }
    #keys { background: $panel; }
    #views { height: 1fr; }
    DataTable { height: 1fr; }
    #filter { height: 1; border: none; display: none; }
    #filter.asked { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit"),
        Binding("ctrl+c", "quit", priority=True),
        ("question_mark", "help"),
        Binding("tab", "next_view", priority=True),
        *((str(number), f"view('{view}')") for number, view in enumerate(_VIEWS, 1)),
        ("s", "sort"),
        ("r", "turn"),
        ("slash", "ask"),
        ("p", "program"),
        ("k", "kinds"),
        ("escape", "unfilter"),
        *((key, f"sort('{column}')") for key, column in zip("lbtweoh", SORTS, strict=True)),
    ]

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed
        self._version = -1
        self._sort = next(iter(SORTS))
        self._turned = self._all_kinds = False
        self._filter = ""
        self._pid: int | None = None
        self._rows: dict[str, list[Row]] = {view: [] for view in _TABLES}
        self._headings: dict[str, tuple[str, ...]] = {}

    def compose(self) -> ComposeResult:
        """The program, the views' names, the view, the filter when asked for, the keys."""
        yield Static(_BEGINNING, id="programs", markup=False)
        yield Static(id="tabs", markup=False)
        with ContentSwitcher(initial=_VIEWS[0], id="views"):
            for view in _TABLES:
                yield DataTable[Text](id=view, cursor_type="row", zebra_stripes=True, cell_padding=0)
            with VerticalScroll(id="agent"):
                yield Static(id="watching", markup=False)
        yield Input(id="filter", placeholder="only rows with this text", compact=True)
        yield Static(_KEYS, id="keys", markup=False)

    def on_mount(self) -> None:
        """Look for something new from now on."""
        self.query_one("#channels").focus()
        self.set_interval(_POLL_S, self._poll)
        self._show()

    @property
    def failure(self) -> Exception | None:
        """What it ended by, if by a bug of ours."""
        return self._exception

    def _fatal_error(self) -> None:
        """textual would print a traceback with the values of all variables; a bug is said as by every other command."""
        self._close_messages_no_wait()

    def _poll(self) -> None:
        if self._feed.over():
            self.exit()
        elif self._feed.version() != self._version:
            self._show()

    # --- what is shown --------------------------------------------------------------------------------------------

    def _looks(self) -> list[tuple[Look, Look | None]]:
        looks = self._feed.looks()
        mine = [each for each in looks if each[0].snapshot.process.pid == self._pid]
        return mine or looks  # a program that has ended and is not told of any more is nobody's choice

    def _show(self) -> None:
        """Everything, from what is known now."""
        self._version = self._feed.version()
        looks = self._looks()
        frame = Frame(looks, self._sort, self._turned, self._all_kinds)
        several = len(self._feed.looks()) > 1
        self._fill("channels", matching(frame.channels, self._filter), channel_cells, several)
        self._fill("goroutines", matching(frame.groups, self._filter), group_cells, several)
        self._fill("findings", matching(frame.findings, self._filter), finding_cells, several)
        programs = frame.programs
        lines = [line for row in programs for line in (about_program(row), "  " + about_watching(row), "")]
        self.query_one("#watching", Static).update("\n".join([*lines, *self._feed.remarks()]))
        if programs:
            said = about_program(programs[0]) if len(programs) == 1 else f"{len(programs)} programs"
            self.query_one("#programs", Static).update(said)
        self._show_tabs()
        if isinstance(self.screen, Page):
            self.screen.refresh_page()

    def _show_tabs(self) -> None:
        line = Text()
        for number, view in enumerate(_VIEWS, 1):
            count = f" {len(self._rows[view])}" if view in _TABLES else ""
            line.append(f" {number} {view}{count} ", "reverse" if view == self._view else "")
        if self._filter:
            line.append(f"  /{self._filter}", "italic")
        self.query_one("#tabs", Static).update(line)

    @property
    def _view(self) -> str:
        return self.query_one("#views", ContentSwitcher).current or _VIEWS[0]

    def _table(self, view: str) -> DataTable[Text]:
        return self.query_one(f"#{view}", DataTable)

    def _fill(self, view: str, rows: Sequence[Row], cells: Callable[[Any], tuple[str, ...]], several: bool) -> None:
        """The rows, with the cursor where it was: on the same thing if it is still there."""
        table = self._table(view)
        shown = list(rows[:MOST_ROWS])
        before, place = self._rows[view], table.cursor_row
        chosen = identity(before[place]) if 0 <= place < len(before) else None
        self._rows[view] = shown
        columns = ([Column("pid", number=True)] if several else []) + list(_HEADINGS[view])
        self._set_headings(table, view, columns)
        top = table.scroll_y
        table.clear()
        for row in shown:
            texts = ([str(row.pid)] if several else []) + list(cells(row))
            table.add_row(*(_cell(text, column) for text, column in zip(texts, columns, strict=True)))
        found = next((number for number, row in enumerate(shown) if identity(row) == chosen), place)
        table.cursor_coordinate = Coordinate(max(0, min(found, len(shown) - 1)), 0)
        table.scroll_to(y=top, animate=False)

    def _set_headings(self, table: DataTable[Text], view: str, columns: Sequence[Column]) -> None:
        arrow = "^" if self._turned else "v"
        marked = self._sort if view == "channels" else ""
        headings = tuple(column.heading + (arrow if column.heading == marked else "") for column in columns)
        if self._headings.get(view) != headings:
            self._headings[view] = headings
            table.clear(columns=True)
            for heading, column in zip(headings, columns, strict=True):
                table.add_column(_cell(heading, column))

    # --- keys -----------------------------------------------------------------------------------------------------

    def action_view(self, view: str) -> None:
        """Show that view."""
        self.query_one("#views", ContentSwitcher).current = view
        self.query_one(f"#{view}").focus()
        self._show_tabs()

    def action_next_view(self) -> None:
        """The view after this one; from a page back to the view."""
        if isinstance(self.screen, Page):
            self.pop_screen()
            return
        self.action_view(_VIEWS[(_VIEWS.index(self._view) + 1) % len(_VIEWS)])

    def action_sort(self, column: str = "") -> None:
        """Sort channels by that column, or by the next one."""
        names = list(SORTS)
        self._sort = column or names[(names.index(self._sort) + 1) % len(names)]
        self._turned = False
        self._show()

    def action_turn(self) -> None:
        """The other end of the order first."""
        self._turned = not self._turned
        self._show()

    def action_kinds(self) -> None:
        """Also channels that are no user's, or not."""
        self._all_kinds = not self._all_kinds
        self._show()

    def action_program(self) -> None:
        """The next program alone; after the last one all of them."""
        pids = [now.snapshot.process.pid for now, _ in self._feed.looks()]
        place = pids.index(self._pid) + 1 if self._pid in pids else 0
        self._pid = pids[place] if place < len(pids) else None
        self._show()

    def action_help(self) -> None:
        """What the keys do."""
        self.push_screen(Page(HELP.splitlines))

    def action_ask(self) -> None:
        """For a text that rows must have."""
        asked = self.query_one("#filter", Input)
        asked.add_class("asked")
        asked.focus()

    def action_unfilter(self) -> None:
        """All rows again."""
        self.query_one("#filter", Input).value = ""
        self._leave_filter()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what fits while it is typed."""
        self._filter = event.value
        self._show()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Keep it, and go back to the rows."""
        self._leave_filter()

    def _leave_filter(self) -> None:
        self.query_one("#filter", Input).remove_class("asked")
        self.query_one(f"#{self._view}").focus()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click on a heading sorts by it, and turns the order when it is sorted by that already."""
        column = str(event.label).strip().rstrip("v^")
        if event.data_table.id == "channels" and column in SORTS:
            if column == self._sort:
                self.action_turn()
            else:
                self.action_sort(column)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """All that is known of that row."""
        rows = self._rows[event.data_table.id or ""]
        if event.cursor_row < len(rows):
            self.push_screen(Page(self._page_of(rows[event.cursor_row])))

    def _page_of(self, row: Row) -> Lines:
        if isinstance(row, GroupRow):
            return lambda: group_lines(row)
        if isinstance(row, FindingRow):
            return lambda: finding_lines(row)

        def of_channel() -> list[str]:
            for now, before in self._feed.looks():
                if now.snapshot.process.pid == row.pid:
                    return channel_lines(now, before, row.name)
            return [f"Process {row.pid} is not watched any more."]

        return of_channel


def _cell(text: str, column: Column) -> Text:
    """Not str, in which "main.Push[...]" would be markup."""
    return Text(" " + text, justify="right" if column.number else "left", no_wrap=True)
