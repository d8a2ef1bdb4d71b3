"""Kernel maps, as arrays, to what the model takes: plain numbers, of one program."""

from collections.abc import Mapping

import numpy as np

from otelchan.kernel.types import FINE_BUCKETS, MAPS, UNNAMED
from otelchan.model.observation import Counts, Rare
from otelchan.model.tables import Tables


def table(name: str, *rows: tuple[int, int, Mapping[str, object]]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a map whose keys are (target, id)."""
    key, value = MAPS[name]
    keys, values = np.zeros(len(rows), key), np.zeros(len(rows), value)
    for number, (target, id_, fields) in enumerate(rows):
        if key.names == ("target", "id"):
            keys[number] = (target, id_)
        for field, content in fields.items():
            values[number][field] = content
    return keys, values


def empty(name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """So many rows of a map."""
    key, value = MAPS[name]
    return np.zeros(rows, key), np.zeros(rows, value)


def test_rows_of_one_program_become_plain_numbers() -> None:
    """Python's, because numpy's unsigned ones would become floats when something is taken from them."""
    rare = {"closed_ns": 5, "closed_by": 6, "panics": [1, 2, 3], "drained": 7, "delay_sum_ns": 8, "delays": range(7)}
    counts = {"send_ok": 1, "recv_would_block": 2}
    channel = {
        **{"name_key": 9, "made": 4, "closed": 5, "sent": 6, "received": 7},
        **{"users": [[1, 2, 0, 0], [3, 0, 0, 0]], "parents": [[8, 8, 0, 0], [9, 0, 0, 0]], "replaced": [0, 2]},
    }
    edges = empty("edges", 2)
    edges[0][:] = [(1, 9, 0, 0x41), (2, 9, 0, 0x42)]
    edges[1][:] = [3, 100]
    fine = empty("fine", 2)
    fine[0][:] = [(1, 9, 1), (2, 9, 1)]
    fine[1]["buckets"][0, 2] = 5
    tables = Tables(
        channels=table("channels", (1, 0xC0, channel), (2, 0xC0, {"name_key": 8}), (1, 0xD0, {})),
        counts=table("counts", (1, 9, counts), (2, 9, {"send_ok": 100})),
        blocks=table("blocks"),
        parked=table("parked"),
        rare=table("rare", (1, 9, rare), (2, 9, {"drained": 100})),
        edges=edges,
        fine=fine,
    )

    state = tables.of(1, 1, {})

    assert (state.keys, state.made) == ({0xC0: 9, 0xD0: UNNAMED | 0xD0}, {0xC0: 4, 0xD0: 0})
    assert [column[0].tolist() for column in state.used] == [0xC0, *channel.values()]
    assert [column[1].any() for column in state.used] == [True, True] + [False] * 7
    assert state.edges == {(9, 0, 0x41): 3}
    assert state.fine == {(9, 1): (0, 0, 5, *[0] * (FINE_BUCKETS - 3))}
    assert state.counts == {9: Counts(send_ok=1, recv_would_block=2)}
    assert state.rare == {9: Rare(5, 6, (1, 2, 3), 7, 8, (0, 1, 2, 3, 4, 5, 6))}
    assert {type(number) for number in (*state.rare[9].panics, *state.rare[9].delays, state.rare[9].drained)} == {int}
    assert repr(state.rare[9].minus(Rare(panics=(1, 1, 1)))) == repr(state.rare[9]._replace(panics=(0, 1, 2)))
