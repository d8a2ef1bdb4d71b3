"""Runs the loops of calibration_code.py, in a process of its own, for calibration.py.

Arguments: the descriptor of the code, its size, how many threads, and the registers' names. The first line of output is
"ready". Then each line of input, "offset times", runs a loop on all threads, and is answered by the processor time of
all of them together in nanoseconds. It ends with its input.

It is no module of otelchan: it imports the standard library only, and is run by the path of this file.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time

_READ, _WRITE, _EXECUTE = 1, 2, 4  # asm-generic/mman-common.h
_PRIVATE, _ANONYMOUS = 2, 0x20
_PAGE = 4096
_BYTES = 16 * _PAGE
# Where things are in each thread's memory. Each is on a page of its own, as in a program they are far apart.
_SLEEPER, _WAKER, _CHANNEL, _CASES, _STACK, _FRAMES, _WORDS = (page * _PAGE for page in (1, 2, 3, 4, 8, 10, 12))
_CODE = 0x400000  # a return address, in nobody's code

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *([ctypes.c_int] * 3), ctypes.c_long)
_loop_type = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_void_p)


def map_memory(size: int, protection: int, flags: int, descriptor: int) -> int:
    """The address. Raises OSError."""
    address = _libc.mmap(None, size, protection, flags, descriptor, 0)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    assert isinstance(address, int)
    return address


def write(address: int, *words: int) -> None:
    """Words of 64 bits."""
    for place, word in enumerate(words):
        ctypes.c_uint64.from_address(address + 8 * place).value = word


def prepare(number: int, registers: list[str]) -> int:
    """A goroutine that parks and one that wakes it, a channel, a stack; returns what the loop takes for registers.

    Offsets within g and hchan are those of calibration.py's LAYOUT. All pages are touched: a probe reads what is there.
    """
    memory = map_memory(_BYTES, _READ | _WRITE, _PRIVATE | _ANONYMOUS, -1)
    for page in range(0, _BYTES, _PAGE):
        write(memory + page, 0)
    write(memory + _SLEEPER, 1000 + 2 * number, 0, 1)  # goid, param, parentGoid
    write(memory + _WAKER, 1001 + 2 * number, 0, 1)
    write(memory + _CHANNEL, 1, 0)  # qcount, closed
    write(memory + _CASES, memory + _CHANNEL, 0)  # a case: its channel, its element
    # A frame of 48 bytes: the sleeper at word 4, the return address at 6, then what selectgo spills: cas0, .., nsends.
    stack = memory + _STACK
    write(stack, 0, 0, 0, 0, memory + _SLEEPER, 0, _CODE, memory + _CASES, 0, 0, 0)
    write(memory + _FRAMES, memory + _FRAMES + 16, _CODE)
    values = {
        "rax": memory + _CHANNEL,
        "rbx": memory + _CHANNEL + 64,  # &hchan.lock
        "rcx": memory + _CASES,
        "rdx": 1,
        "rbp": memory + _FRAMES,
        "r8": memory + _SLEEPER,
        "r9": memory + _WAKER,
        "r14": memory + _SLEEPER,
        "rsp": stack,
    }
    write(memory + _WORDS, *(values[name] for name in registers))
    return memory + _WORDS


def run(address: int, times: int, words: list[int]) -> int:
    """The processor time of all threads, in nanoseconds."""
    loop, spent = _loop_type(address), [0] * len(words)
    together = threading.Barrier(len(words))

    def one(number: int) -> None:
        together.wait()
        begin = time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID)
        loop(times, words[number])  # without Python's lock
        spent[number] = time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID) - begin

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(len(words))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(spent)


def main() -> None:
    """Answer until there is no more input."""
    descriptor, size, number, *registers = sys.argv[1:]
    base = map_memory(int(size), _READ | _EXECUTE, _PRIVATE, int(descriptor))
    words = [prepare(each, registers) for each in range(int(number))]
    print("ready", flush=True)
    for line in sys.stdin:
        offset, times = map(int, line.split())
        print(run(base + offset, times, words), flush=True)


if __name__ == "__main__":
    main()
