"""What live channels are is remembered from look to look: the same as if it had been asked for anew."""

from __future__ import annotations

from random import Random

import pytest

from otelchan.kernel.types import UNNAMED
from otelchan.memory.types import Channel, ChannelMap, Words
from otelchan.model.channels import Live, Resolved
from otelchan.model.kinds import SIGNALS
from otelchan.model.lives import Lives
from otelchan.model.names import Name
from otelchan.model.observation import KernelState, Observation

TYPES = ("int", "string", SIGNALS)


def channel(number: int, kind: int, capacity: int) -> Channel:
    """The channel of that number."""
    return Channel(0x1000 + 96 * number, TYPES[kind], 0x50 + kind, 8, 0, capacity, False, False, allocated=True)


class Program:
    """Channels that come, go and become others. asked: keys that were asked for since it was last emptied."""

    def __init__(self) -> None:
        self.channels: dict[int, Channel] = {}
        self.keys: dict[int, int] = {}
        self.registered = False
        self.asked: list[int] = []
        self._same: dict[Resolved, Resolved] = {}

    def observation(self) -> Observation:
        """As it is now."""
        kernel = KernelState(keys=dict(self.keys))
        return Observation(1, 1, kernel, None, ChannelMap(self.channels.values()), {})

    def look(self, lives: Lives) -> Live:
        """At all of its channels."""
        return lives.of(self.observation(), {}, self._resolve, self._notice, self._settle)

    def _resolve(self, key: int, seen: Channel | None) -> Resolved:
        assert seen is not None
        self.asked.append(key)
        name = Name(f"{key:#x} {seen.element_type} {seen.capacity}", "use", "user")
        return self._one(Resolved(name, seen.element_type, seen.capacity == 0, final=key % 5 != 0))

    def _notice(self, keys: Words, addresses: Words) -> None:
        assert len(keys) == len(addresses)

    def _settle(self, what: Resolved, address: int) -> Resolved:
        signals = self.registered and address % 64 == 0
        return self._one(what._replace(name=what.name._replace(kind="signal"))) if signals else what

    def _one(self, what: Resolved) -> Resolved:
        return self._same.setdefault(what, what)


def shown(live: Live) -> list[tuple[int, int, Resolved]]:
    """Address, key and meaning of each."""
    whats = [live.different[number] for number in live.what.tolist()]
    return list(zip(live.address.tolist(), live.keys, whats, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_it_is_as_if_all_had_been_asked_for(seed: int) -> None:
    """Whatever comes, goes, gets a key, or is another channel at the same address; and in the same order."""
    random, program, lives = Random(seed), Program(), Lives()
    for _ in range(30):
        for number in random.sample(range(40), 8):
            made = channel(number, random.randrange(3), random.randrange(2))
            program.channels[made.address] = made
            if random.random() < 0.5:
                program.keys[made.address] = random.choice((0x40, 0x41, 0x45))
        for address in random.sample(sorted(program.channels), len(program.channels) // 4):
            del program.channels[address]
            program.keys.pop(address, None)
        program.registered = random.random() < 0.5
        remembered, anew = program.look(lives), program.look(Lives())

        assert shown(anew) == shown(remembered)
        assert anew.different == remembered.different


def test_what_has_not_changed_is_not_asked_for_again() -> None:
    """But what is new, what may still be given a name, and all of it when names have changed."""
    program, lives = Program(), Lives()
    for number in (1, 2):
        made = channel(number, 0, 1)
        program.channels[made.address] = made
    named, unnamed = program.channels
    program.keys = {named: 0x44, unnamed: 0x41}
    program.look(lives)
    program.asked.clear()

    program.look(lives)
    assert [0x41] == program.asked
    other = channel(3, 1, 1)
    program.channels[other.address] = other
    program.look(lives)
    assert [0x41, 0x41, other.address | UNNAMED] == program.asked
    lives.forget()
    program.asked.clear()
    program.look(lives)
    assert [0x44, 0x41, other.address | UNNAMED] == program.asked
