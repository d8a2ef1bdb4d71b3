"""Probe sites on arm64: the rules of otelchan.gobinary.sites, and what they cannot know.

A site must not be where the kernel's trap would come between an exclusive load and the store that belongs to it: the
trap clears the monitor, and the loop of the two would never end. The flags that a Condition is about are those of a
b.cond; cbz and tbz look at a register.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from otelchan.gobinary.arm64.lift import ROLES
from otelchan.gobinary.code import CodeView
from otelchan.gobinary.instructions import Immediate
from otelchan.gobinary.sites import close
from otelchan.gobinary.sites import find_sites as find_by_rules
from otelchan.gobinary.sites.common import HCHAN, ProofError, Subject
from otelchan.gobinary.types import Condition, Layout, MissingSite, Site, SiteKind
from otelchan.gobinary.values import constant

_NAMES = {role: name for name, role in ROLES.items()}
_LOAD_EXCLUSIVE = ("arm64.ldxr", "arm64.ldaxr", "arm64.ldxp", "arm64.ldaxp")
_STORE_EXCLUSIVE = ("arm64.stxr", "arm64.stlxr", "arm64.stxp", "arm64.stlxp")


def find_sites(code: CodeView, layout: Layout) -> tuple[tuple[Site, ...], tuple[MissingSite, ...]]:
    """As sites.find_sites(), with registers by their names on arm64. Raises BinaryError as that."""
    sites, missing = find_by_rules(code, layout, Arm64Subject, {SiteKind.CLOSE: close.find_behind})
    return tuple(_renamed(site) for site in sites), missing


class Arm64Subject(Subject):
    """A function in which sites are looked for, on arm64."""

    def site(self, kind: SiteKind, index: int, **facts: Any) -> Site:
        """That instruction as a Site. Raises ProofError when it cannot be probed, or its flags say nothing."""
        site = super().site(kind, index, **facts)
        if index in self._between_exclusives():
            raise ProofError(f"`{self.routine.text(index)}` is between an exclusive load and its store")
        if site.condition is not Condition.NONE and not site.instruction.startswith("b."):
            raise ProofError(f"`{site.instruction}` does not look at the flags")
        return site

    def channel(self, index: int) -> dict[str, Any] | None:
        """Where that instruction finds the channel; where it can but be nil, any register that holds 0."""
        facts = super().channel(index)
        if facts is None and self._after_nil_check(index):
            zeros = [place for place, held in self.at(index).items() if isinstance(place, str) and held == constant(0)]
            return {"register": zeros[0], "channel_offset": 0} if zeros else None
        return facts

    def _after_nil_check(self, index: int) -> bool:
        """Whether one only comes there by `cbz` of the channel."""
        routine = self.routine
        for jump in range(1, len(routine)):
            compare = routine[jump - 1]
            if routine[jump].mnemonic != "je" or compare.address != routine[jump].address:
                continue
            if self.values.operand(jump - 1, compare.operands[0]) != HCHAN or compare.operands[1] != Immediate(0):
                continue
            following, nil = routine.successors[jump]
            others = routine.reachable(without=[jump]) | routine.reachable([following])
            if index in routine.reachable([nil]) and index not in others:
                return True
        return False

    def _between_exclusives(self) -> set[int]:
        """What can be executed after an exclusive load and before the store that belongs to it."""
        routine = self.routine
        loads = [index for index in range(len(routine)) if routine[index].mnemonic.startswith(_LOAD_EXCLUSIVE)]
        stores = [index for index in range(len(routine)) if routine[index].mnemonic.startswith(_STORE_EXCLUSIVE)]
        behind = {index for load in loads for index in routine.after(load, without=stores)}
        return behind & routine.leading_to(stores, without=loads)


def _renamed(site: Site) -> Site:
    register, ok_register = (_NAMES.get(name, name) for name in (site.register, site.ok_register))
    return replace(site, register=register, ok_register=ok_register)
