"""How channels are closed, in which order and by whom, and what happens after it."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.boards import close_after as after
from dashboards.generator.boards import close_order as order
from dashboards.generator.grafana.board import Board, Row
from dashboards.generator.grafana.variables import of_channels

BOARD = Board(
    uid=links.CLOSE,
    title="otelchan / Close and shutdown",
    says="In which order channels were closed and by whom, what was left in them, and who used them after it.",
    variables=of_channels(),
    rows=(
        Row("", (order.CLOSES, after.LEFT, after.ZEROS, after.PANICS), (6, 6, 6, 6), 4),
        Row("Who closed, and when", (order.ORDER,), (24,), 9),
        Row("", (order.CLOSERS, order.WHEN), (14, 10)),
        Row("What was in the buffer", (after.RESIDUE, after.ALIVE), (12, 12)),
        Row("Receives after the close", (after.READS, after.DELAY), (12, 12)),
        Row("What is wrong", (after.FAULTS, after.FINDINGS, after.TRACES), (12, 12, 24), 7),
    ),
)
