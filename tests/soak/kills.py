"""otelchan attached to a program under load and ended, 200 times: `make soak`, as root, ten minutes.

The program checks every message that it passes. What is printed is what was seen: how often otelchan was ended with
probes in the program, how long these took to go, and how many messages arrived meanwhile.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
from pathlib import Path

from tests.support import gobuild
from tests.support.driven import driven
from tests.support.kills import Ended, Sure, cycle, sites_of

TIMES = {("multi", signal.SIGKILL): 150, ("multi", signal.SIGTERM): 40, ("perf", signal.SIGKILL): 10}
GONE_S = {("multi", signal.SIGKILL): 0.1, ("perf", signal.SIGKILL): 3.0}
"""From the signal until no trap is left in the program. One in ten may be later: this is no machine of its own."""

PROGRESS = 25


def main() -> int:
    """Returns 0 when the program noticed nothing, and no trap stayed."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    binary, at = gobuild.build("sure", go="1.27.3"), random.Random(seed)
    sites, wrong = sites_of(binary), 0
    with tempfile.TemporaryDirectory(prefix="otelchan-soak-") as folder, driven(Sure, binary, 2) as program:
        for (attach, how), times in TIMES.items():
            ended: list[Ended] = []
            for number in range(1, times + 1):
                ended.append(cycle(program, sites, Path(folder), how, attach, at, settled=number % 2 == 1))
                if number % PROGRESS == 0:
                    print(f"{attach}, {how.name}: {number} of {times}", flush=True)
            wrong += _say(f"{attach}, {how.name}", ended, len(sites), GONE_S.get((attach, how), 60))
        arrived, verdict = program.end()
    print(f"the program: {arrived} messages, {verdict}")
    return 0 if not wrong and verdict == "ok" else 1


def _say(what: str, ended: list[Ended], sites: int, bar_s: float) -> int:
    """Prints what was seen; how many were not as they must be."""
    within = [one for one in ended if one.attached]
    gone = sorted(one.gone_s for one in within if one.gone_s is not None) or [0.0]
    late = [one for one in within if one.gone_s is not None and one.gone_s > bar_s]
    bad = [one for one in ended if one.gone_s is None or one.verdict != "ok" or not one.arrived]
    bad += [] if len(within) * 3 > len(ended) else ended[-1:]  # too few had probes: nothing was shown
    bad += late if len(late) * 10 > len(within) else []
    most = max((one.attached for one in ended), default=0)
    print(
        f"{what}: ended {len(ended)} times, {len(within)} times with probes in it (up to {most} of {sites}); "
        f"the last trap went {gone[len(gone) // 2] * 1000:.0f} ms after the signal (median), {gone[-1] * 1000:.0f} ms "
        f"at most, {len(late)} times later than {bar_s * 1000:.0f} ms; {sum(one.arrived for one in ended)} messages; "
        f"{len(bad)} times wrong"
    )
    for one in bad:
        print(f"  {one}")
    return len(bad)


if __name__ == "__main__":
    sys.exit(main())
