"""Two replicas of one program, watched by an agent that is started again: nothing is merged, and counters are reset."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.support import eventually
from tests.support.agent import agent
from tests.support.driven import driven
from tests.support.paced import Paced
from tests.support.stack import Stack


def test_replicas_stay_apart_and_a_restart_of_the_agent_is_a_reset(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Each has its own exact totals; after the restart they begin at zero, and `increase` adds both parts up."""
    service = f"replica-{uuid.uuid4().hex[:8]}"
    binary, env = workload("paced", go="1.27.3"), {"OTEL_SERVICE_NAME": service}
    labels = f'job="{service}",channel_name=~".*main.work.*",channel_operation="send",channel_status="ok"'
    selector = f"channel_process_total{{{labels}}}"

    def totals() -> dict[str, float]:
        return {series["instance"]: value for series, value in stack.prometheus.query(selector)}

    def totals_are(expected: list[float]) -> bool:
        assert expected == sorted(totals().values())
        return True

    def work(seconds: float) -> tuple[int, int]:
        """Both hand over elements for so long; how many each has handed over since it was started."""
        first.ask("pace 0 1")
        second.ask("pace 0 3")
        time.sleep(seconds)
        first.ask("pace 0 0")
        second.ask("pace 0 0")
        time.sleep(0.1)  # the millisecond that was under way
        return first.count().handovers, second.count().handovers

    def watched(log: str, seconds: float, before: tuple[int, int]) -> tuple[int, int]:
        """An agent from its start to its end; the programs' own counts after it."""
        pids = (first.pid, second.pid)
        with agent(tmp_path / log, *pids, "--interval", "0.5", "--endpoint", stack.collector.http) as running:
            running.wait_attached(2)
            done = work(seconds)
            expected = sorted(float(now - then) for now, then in zip(done, before, strict=True))
            eventually(lambda: totals_are(expected), timeout=20)
            instances.append(set(totals()))
        return done

    instances: list[set[str]] = []
    with driven(Paced, binary, 1, env) as first, driven(Paced, binary, 1, env) as second:
        start = time.time()
        once = watched("first", 6, (0, 0))
        eventually(lambda: totals() == {}, timeout=20)  # at once, not after five minutes
        twice = watched("second", 3, once)
        end = time.time()
        eventually(lambda: totals() == {}, timeout=20)
    assert (2, instances[0]) == (len(instances[0]), instances[1])
    window = f"[{int(end - start) + 1}s]"
    resets = [value for _, value in stack.prometheus.query(f"resets({selector}{window})", at=end)]
    assert [1, 1] == resets
    increased = sorted(value for _, value in stack.prometheus.query(f"increase({selector}{window})", at=end))
    ratios = [seen / done for seen, done in zip(increased, sorted(twice), strict=True)]
    # Prometheus does not count the first sample of a series, an interval's worth, and stretches to the whole window.
    assert all(0.8 < ratio < 1.25 for ratio in ratios), (increased, twice)
