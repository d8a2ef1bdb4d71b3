"""Kernel maps, as arrays, to what the model takes: plain numbers, of one program."""

from collections.abc import Mapping

import numpy as np

from otelchan.kernel.types import MAPS
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


def test_rows_of_one_program_become_plain_numbers() -> None:
    """Python's, because numpy's unsigned ones would become floats when something is taken from them."""
    rare = {"closed_ns": 5, "closed_by": 6, "panics": [1, 2, 3], "drained": 7, "delay_sum_ns": 8, "delays": range(7)}
    counts = {"send_ok": 1, "recv_would_block": 2}
    tables = Tables(
        channels=table("channels", (1, 0xC0, {"name_key": 9, "made": 4})),
        counts=table("counts", (1, 9, counts), (2, 9, {"send_ok": 100})),
        blocks=table("blocks"),
        parked=table("parked"),
        rare=table("rare", (1, 9, rare), (2, 9, {"drained": 100})),
    )

    state = tables.of(1, 1, {})

    assert (state.keys, state.made) == ({0xC0: 9}, {0xC0: 4})
    assert state.counts == {9: Counts(send_ok=1, recv_would_block=2)}
    assert state.rare == {9: Rare(5, 6, (1, 2, 3), 7, 8, (0, 1, 2, 3, 4, 5, 6))}
    assert {type(number) for number in (*state.rare[9].panics, *state.rare[9].delays, state.rare[9].drained)} == {int}
    assert repr(state.rare[9].minus(Rare(panics=(1, 1, 1)))) == repr(state.rare[9]._replace(panics=(0, 1, 2)))
