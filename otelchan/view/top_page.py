"""`otelchan top`: a page of text over the screen: a channel, goroutines, a finding, the keys. Imports textual."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

HELP = """\
1 2 3 4, tab   channels, goroutines, findings, the agent itself
enter          all of a channel, a group of goroutines, a finding: stacks, users
s              sort channels by the next column
l b t w e o h  sort by lag, blocked, p99 (t), send/s (w), recv/s (e), oldest,
               health
r              turn the order round
/              show only what has a text in it; escape: everything again
p              the next program, then all of them again
k              also channels that are no user's: timers, contexts, signals
escape         back
q              end, and let the programs go

blocked  goroutines parked on the channels of that name, on both sides
p99      99 of 100 waits that ended since the last look took no longer
send/s   elements per second since the last look
oldest   how long the longest of those that wait now has; ">=": or longer, it
         began before otelchan came
-        not known, often because the probes for it are off: view 4 says so"""

Lines = Callable[[], list[str]]


class Page(ModalScreen[None]):
    """Text that is as long as it is, and is written anew when there is a new look."""

    CSS = """
    Page { background: $background; }
    #keys { height: 1; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("escape,enter,q", "app.pop_screen")]

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The text, and the keys."""
        with VerticalScroll():
            yield Static(id="page", markup=False)
        yield Static("escape back", id="keys", markup=False)

    def on_mount(self) -> None:
        """Write it for the first time."""
        self.refresh_page()
        self.query_one(VerticalScroll).focus()

    def refresh_page(self) -> None:
        """Write it anew."""
        self.query_one("#page", Static).update("\n".join(self._lines()))
