"""Which lock a goroutine waits for, by its stack and by the wait reason.

The reasons differ between releases: Go 1.19 says "semacquire" for all of them but sync.Cond; "sync.Mutex.Lock",
"sync.RWMutex.RLock" and "sync.RWMutex.Lock" came with 1.20, "sync.WaitGroup.Wait" with 1.24 (runtime/runtime2.go,
waitReasonStrings). "semacquire" is also how a file descriptor is kept from being read twice at the same time
(internal/poll.fdMutex), and how the runtime keeps its own: those are no locks of the program. So the stack decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from otelchan.gobinary.types import Frame
from otelchan.model.types import GoroutineGroup

MUTEX, RWMUTEX, WAITGROUP, COND = "sync.Mutex", "sync.RWMutex", "sync.WaitGroup", "sync.Cond"
KINDS = (MUTEX, RWMUTEX, WAITGROUP, COND)
_REASONS = ("sync.", "semacquire")
_PACKAGES = ("sync.", "internal/sync.")
_SLEEP = "time.Sleep"


def lock_of(group: GoroutineGroup) -> str:
    """One of KINDS; "" when they do not wait for a lock. A lock that is made of another one is what was asked for: of a
    sync.RWMutex, whose writers queue up in a sync.Mutex; what is no kind of its own (sync.Once, sync.Map) is that."""
    if not group.wait_reason.startswith(_REASONS):
        return ""
    found = ""
    for frame in group.frames:
        if not frame.function.startswith(_PACKAGES):
            break
        found = _kind(frame.function.removeprefix("internal/").replace("(*", "").replace(")", "")) or found
    return found or _kind(group.wait_reason)


def is_lock(group: GoroutineGroup) -> bool:
    """Whether they wait for a lock, a WaitGroup or a Cond."""
    return bool(lock_of(group))


def waiting_site(frames: Sequence[Frame]) -> Frame | None:
    """The innermost frame that is neither in package sync nor time.Sleep: who asked for the wait."""
    return next((frame for frame in frames if not frame.function.startswith((*_PACKAGES, _SLEEP))), None)


def _kind(text: str) -> str:
    """ "sync.Mutex" of "sync.Mutex.lockSlow" and of "sync.Mutex.Lock"."""
    name = ".".join(text.split(" ")[0].split(".")[:2])
    return name if name in KINDS else ""
