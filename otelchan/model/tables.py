"""From the kernel's map contents, as arrays, to each target's KernelState."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from otelchan.model.observation import Counts, KernelState, Parks, Rare, RawHistogram


class Tables(NamedTuple):
    """Keys and values of the maps `channels`, `counts`, `blocks`, `parked`, `rare`, for all targets at once."""

    channels: tuple[np.ndarray, np.ndarray]
    counts: tuple[np.ndarray, np.ndarray]
    blocks: tuple[np.ndarray, np.ndarray]
    parked: tuple[np.ndarray, np.ndarray]
    rare: tuple[np.ndarray, np.ndarray]

    def of(self, target_id: int, waits_epoch: int, losses: Mapping[str, int]) -> KernelState:
        """What belongs to one target. waits_epoch: parks of earlier attachments are left out."""
        channel_keys, channels = _of(self.channels, target_id)
        count_keys, counts = _of(self.counts, target_id)
        block_keys, blocks = _of(self.blocks, target_id)
        park_keys, parks = _of(self.parked, target_id)
        rare_keys, rare = _of(self.rare, target_id)
        now_parked = (parks["time"] != 0) & (parks["epoch"] == waits_epoch)
        park_keys, parks = park_keys[now_parked], parks[now_parked]
        return KernelState(
            keys=dict(zip(channel_keys["id"].tolist(), channels["name_key"].tolist(), strict=True)),
            made=dict(zip(channel_keys["id"].tolist(), channels["made"].tolist(), strict=True)),
            counts={key: Counts(*row) for key, row in zip(count_keys["id"].tolist(), counts.tolist(), strict=True)},
            blocks={
                (key, operation): RawHistogram(count, sum_ns, tuple(buckets))
                for key, operation, count, sum_ns, buckets in zip(
                    block_keys["name_key"].tolist(),
                    block_keys["operation"].tolist(),
                    blocks["count"].tolist(),
                    blocks["sum_ns"].tolist(),
                    blocks["buckets"].tolist(),
                    strict=True,
                )
            },
            parked=Parks(park_keys["g"], parks["time"], parks["channel"]),
            losses=dict(losses),
            rare={
                key: Rare(closed, by, tuple(panics), drained, delay_sum, tuple(delays))
                for key, closed, by, panics, drained, delay_sum, delays in zip(
                    rare_keys["id"].tolist(), *(rare[name].tolist() for name in Rare._fields), strict=True
                )
            },
        )


def _of(table: tuple[np.ndarray, np.ndarray], target_id: int) -> tuple[np.ndarray, np.ndarray]:
    keys, values = table
    mine = keys["target"] == target_id
    return keys[mine], values[mine]
