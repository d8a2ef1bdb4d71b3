"""Tables: nothing is cut in a pipe, nothing is taken for markup on a terminal."""

from __future__ import annotations

import io

from otelchan.view.table import Column, Table, plain_lines, print_table

LONG = "main.(*Warehouse[...]).restock " + "x" * 300
TABLE = Table(
    "Goroutines", [Column("id", number=True), Column("where", long=True)], [["7", LONG], ["1234", "a\nb"]], "1 more row"
)


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def test_a_pipe_gets_every_value_whole_in_one_line_per_row() -> None:
    """Titles, headings, numbers to the right, stacks joined, no lines drawn."""
    assert [
        "Goroutines",
        "  id  where",
        f"   7  {LONG}",
        "1234  a < b",
    ] == plain_lines(TABLE)


def test_a_pipe_gets_the_note_and_an_empty_line_after_the_table() -> None:
    """So that several tables are told apart."""
    out = io.StringIO()
    print_table(TABLE, out)
    assert out.getvalue().endswith("a < b\n1 more row\n\n")


def test_a_terminal_gets_every_character_of_a_value_however_narrow_it_is() -> None:
    """Long values are folded, never cut; brackets of type arguments are text."""
    out = Terminal()
    print_table(TABLE, out)
    shown = "".join(line.strip() for line in out.getvalue().splitlines())
    assert 300 == shown.count("x")
    assert "[...]" in shown


def test_a_table_without_rows_still_says_what_it_would_show() -> None:
    """Nothing there is an answer too."""
    assert ["Channels", "name"] == plain_lines(Table("Channels", [Column("name")], []))
