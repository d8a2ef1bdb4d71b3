"""Every supported version of Go, and every kind of executable, counted to the last operation.

Each version once and each kind once; `make matrix` tries all of them together.
"""

from __future__ import annotations

import pytest

from tests.support.gobuild import EVERY_GO
from tests.support.kinds import KINDS, Kind
from tests.support.matrix import any_seed, outcome

PLAIN, STRIPPED = KINDS[:2]
NEWEST = EVERY_GO[-1]
VERSIONS = [(go, (PLAIN, STRIPPED)[place % 2]) for place, go in enumerate(EVERY_GO)]
OTHERS = [(EVERY_GO[-2 + place % 2], kind) for place, kind in enumerate(KINDS[2:])]


@pytest.mark.parametrize(("go", "kind"), VERSIONS + OTHERS, ids=lambda value: getattr(value, "name", value))
def test_every_count_of_every_channel_equals_the_programs_own(go: str, kind: Kind) -> None:
    """Every operation, status, close fact and panic, on every channel; with nothing left out and nothing lost."""
    result = outcome(kind.build("everyop", go), any_seed(), kind.cannot)

    assert (result.refused, dict(result.left_out), result.wrong) == ("", {}, ())
    assert result.counts > 100
