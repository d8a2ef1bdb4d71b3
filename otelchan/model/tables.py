"""From the kernel's map contents, as arrays, to each target's KernelState."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from otelchan.kernel.types import CHANNEL, UNNAMED
from otelchan.model.addresses import ByAddress
from otelchan.model.observation import Counts, KernelState, Parks, Rare, RawHistogram, Used


class Tables(NamedTuple):
    """Keys and values of the kernel maps of these names, for all targets at once."""

    channels: tuple[np.ndarray, np.ndarray]
    counts: tuple[np.ndarray, np.ndarray]
    blocks: tuple[np.ndarray, np.ndarray]
    parked: tuple[np.ndarray, np.ndarray]
    rare: tuple[np.ndarray, np.ndarray]
    edges: tuple[np.ndarray, np.ndarray]
    fine: tuple[np.ndarray, np.ndarray]

    def of(self, target_id: int, waits_epoch: int, losses: Mapping[str, int]) -> KernelState:
        """What belongs to one target. waits_epoch: parks of earlier attachments are left out."""
        channel_keys, channels = _of(self.channels, target_id)
        addresses, name_keys = channel_keys["id"], channels["name_key"]
        # An entry that was read at the moment at which it was made: it has no name key yet, and so it is its address.
        name_keys = np.where(name_keys == 0, addresses | np.uint64(UNNAMED), name_keys)
        count_keys, counts = _of(self.counts, target_id)
        block_keys, blocks = _of(self.blocks, target_id)
        park_keys, parks = _of(self.parked, target_id)
        rare_keys, rare = _of(self.rare, target_id)
        edge_keys, edges = _of(self.edges, target_id)
        fine_keys, fine = _of(self.fine, target_id)
        now_parked = (parks["time"] != 0) & (parks["epoch"] == waits_epoch)
        park_keys, parks = park_keys[now_parked], parks[now_parked]
        return KernelState(
            keys=ByAddress(addresses, name_keys),
            made=ByAddress(addresses, channels["made"]),
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
            used=Used(addresses, name_keys, *(channels[name] for name in (CHANNEL.names or ())[1:])),
            edges=dict(
                zip(
                    zip(*(edge_keys[name].tolist() for name in ("name_key", "operation", "pc")), strict=True),
                    edges.tolist(),
                    strict=True,
                )
            ),
            fine={
                (key, operation): tuple(buckets)
                for key, operation, buckets in zip(
                    fine_keys["name_key"].tolist(),
                    fine_keys["operation"].tolist(),
                    fine["buckets"].tolist(),
                    strict=True,
                )
            },
        )


def _of(table: tuple[np.ndarray, np.ndarray], target_id: int) -> tuple[np.ndarray, np.ndarray]:
    keys, values = table
    mine = keys["target"] == target_id
    if mine.all():  # as where one program is watched: no copy
        return keys, values
    return keys[mine], values[mine]
