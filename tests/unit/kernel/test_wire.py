"""The wire format in Python is the one in the compiled object."""

import re
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from otelchan.gobinary.types import LABEL_NAMES, LONGEST_NAME, LONGEST_VALUE, LabelForm
from otelchan.kernel import entry, types
from otelchan.kernel.labels import (
    LABEL,
    LABEL_HEAD,
    LABEL_NAMES_MOST,
    LABELS,
    LABELS_SIZE,
    decode_labels,
    encode_labels,
)
from otelchan.kernel.processes import BIRTHS_BYTES
from otelchan.kernel.session import LIMITS, RING_BYTES

ROOT = Path(__file__).parents[3]
PROGRAM = r"""
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>
typedef uint64_t u64; typedef uint32_t u32; typedef uint16_t u16; typedef uint8_t u8;
#include "otelchan.h"
int main(void) {
%s
return 0; }
"""


def ask_compiler(tmp_path: Path, lines: list[str]) -> list[int]:
    """The values of C expressions over bpf/otelchan.h."""
    source = tmp_path / "ask.c"
    source.write_text(PROGRAM % "\n".join(f'printf("%zu\\n", (size_t)({line}));' for line in lines))
    subprocess.run(["cc", f"-I{ROOT}/bpf", str(source), "-o", str(tmp_path / "ask")], check=True)
    out = subprocess.run([tmp_path / "ask"], check=True, capture_output=True, text=True).stdout
    return [int(line) for line in out.split()]


def test_every_struct_has_the_size_and_the_offsets_of_the_header(tmp_path: Path) -> None:
    """Each field of each struct lies where C puts it."""
    expressions, expected = [], []
    for name, dtype in types.STRUCTS.items():
        expressions.append(f"sizeof(struct {name})")
        expected.append(dtype.itemsize)
        for field, (_, offset, *_rest) in (dtype.fields or {}).items():
            expressions.append(f"offsetof(struct {name}, {field})")
            expected.append(offset)

    assert ask_compiler(tmp_path, expressions) == expected


def test_the_ring_record_has_the_size_of_the_header(tmp_path: Path) -> None:
    """struct oc_block and oc_panic, and what is in them, begin where the decoders look for them."""
    head, panic = types.BLOCK_HEAD.size, types.PANIC_HEAD.size
    answers = ask_compiler(
        tmp_path,
        [
            "sizeof(struct oc_block)",
            "offsetof(struct oc_block, waker)",
            "offsetof(struct oc_block, labels)",
            "offsetof(struct oc_block, label)",
            "offsetof(struct oc_block, stack)",
            "sizeof(struct oc_panic)",
            "offsetof(struct oc_panic, frames)",
            "OC_RECORD_BLOCK",
            "OC_RECORD_PANIC",
            "OC_TARGETS",
            "OC_BUCKETS",
            "OC_FINE_BUCKETS",
            "OC_OCTAVES",
            "OC_USERS",
            "OC_ABSENT",
        ],
    )

    assert answers == [
        *(types.BLOCK_SIZE, head, types.LABELS_AT, types.LABELS_AT + LABEL_HEAD.size, types.STACK_AT),
        *(types.PANIC_SIZE, panic, types.BLOCK_RECORD, types.PANIC_RECORD),
        *(types.TARGETS, types.BUCKETS, types.FINE_BUCKETS, types.OCTAVES, types.USERS, entry.ABSENT),
    ]


def test_the_sizes_of_maps_are_those_of_the_header(tmp_path: Path) -> None:
    """The ring buffer is mapped by its size; what is full is told by the limits."""
    answers = ask_compiler(
        tmp_path,
        [
            *("OC_RING_BYTES", "OC_CHANNELS", "OC_NAMES", "OC_HISTOGRAMS", "OC_EDGES", "OC_FINES"),
            *("OC_SAMPLED", "OC_MARKS"),
        ],
    )

    limited = ("channels", "counts", "blocks", "edges", "fine", "sampled", "marks")
    assert answers == [RING_BYTES, *(LIMITS[name] for name in limited)]
    assert LIMITS["rare"] == LIMITS["counts"]


def test_what_stands_for_files_and_nobody_is_that_of_the_header(tmp_path: Path) -> None:
    """Cookies of shared probes, entries of processes that are not watched, and the sizes of their maps."""
    answers = ask_compiler(
        tmp_path, ["OC_FILES", "OC_PROCESSES", "OC_BIRTHS_BYTES", "OC_OF_FILE", "OC_NOBODY", "OC_BIRTH"]
    )

    assert answers == [types.FILES, types.PROCESSES, BIRTHS_BYTES, types.OF_FILE, types.NOBODY, types.BIRTH_KIND]


def test_the_maps_are_declared_in_the_order_of_their_numbers() -> None:
    """BCC numbers maps by order of declaration; a wrong number would silently be another map."""
    text = (ROOT / "bpf" / "maps.h").read_text()
    numbered = re.findall(r"#define FD_(\w+)\s+-(\d+)", text)
    declared = re.findall(r"^MAP_\w+\((\w+),", text, re.M)

    assert [(name, str(i + 1)) for i, name in enumerate(declared)] == numbered


def test_a_record_is_decoded_field_by_field() -> None:
    """What the kernel writes comes out under the right names, the stack cut to what was copied."""
    numbers = tuple(range(100, 112))
    head = types.BLOCK_HEAD.pack(types.BLOCK_RECORD, 3, 1, 1, 0, 19, 1, 8, *numbers, 16, 24)
    waker = struct.pack("<3Q", 11, 12, 13).ljust(8 * types.WAKER_FRAMES, b"\0")
    stack = b"0123456789abcdef".ljust(types.STACK_BYTES, b"\0")

    labels = (("trace_id", "0af7651916cd43dd8448eb211c80319c"), ("span_id", "b7ad6b7169203331"))

    record = types.decode_record(head + waker + encode_labels(labels) + stack)

    assert isinstance(record, types.BlockRecord)
    assert (record.target, record.operation, record.select, record.by_close) == (3, 1, True, False)
    assert (record.start, record.end, record.channel, record.name_key, record.g, record.goid) == numbers[:6]
    assert (record.waker_g, record.waker_goid, record.sp, record.pc, record.bp, record.hi) == numbers[6:12]
    assert (record.wait_reason, record.waker, record.stack) == (19, (11, 12, 13), b"0123456789abcdef")
    assert (record.over_rate, record.round, record.labels) == (True, 8, labels)


def test_what_a_record_says_of_labels_can_be_written_again_without_what_was_there_before() -> None:
    """The kernel side does not clear the room for labels: what a recording keeps is what they are, and no more."""
    labels = (("trace id", "0af7651916cd43dd8448eb211c80319c"), ("span id", "7"))
    clean = encode_labels(labels)
    used = LABEL_HEAD.size + len(labels) * LABEL.itemsize
    dirty = clean[:used] + b"A" * (LABELS_SIZE - used)

    assert LABELS_SIZE == len(clean)
    assert labels == decode_labels(clean) == decode_labels(dirty)
    assert clean == encode_labels(decode_labels(dirty))


def test_a_record_that_says_more_labels_than_it_has_room_for_has_as_many_as_that() -> None:
    """The kernel side counts on where it writes over the first ones."""
    one = encode_labels([("span id", "7")])[LABEL_HEAD.size :][: LABEL.itemsize]

    assert (("span id", "7"),) * LABELS == decode_labels(LABEL_HEAD.pack(LABELS + 3, 0) + one * LABELS)


def test_a_record_of_a_panic_is_decoded_field_by_field() -> None:
    """Told from the other kind by its first word; only the frames that were found are there."""
    head = types.PANIC_HEAD.pack(types.PANIC_RECORD, 3, 1, 1000, 0xC0, 0x49, 7, 24)
    frames = struct.pack("<3Q", 11, 12, 13).ljust(8 * types.PANIC_FRAMES, b"\0")

    assert types.decode_record(head + frames) == types.PanicRecord(
        target=3, error="close_of_closed", time=1000, channel=0xC0, name_key=0x49, goid=7, frames=(11, 12, 13)
    )


@pytest.mark.parametrize("data", [bytes(12), bytes(types.BLOCK_SIZE), b"\2\0\0\0" + bytes(types.BLOCK_SIZE - 4)])
def test_a_record_of_another_size_or_kind_is_refused(data: bytes) -> None:
    """A torn or foreign record is an error, not a guess."""
    with pytest.raises(ValueError, match=f"ring record of {len(data)} bytes"):
        types.decode_record(data)


def test_numbers_that_both_sides_name_are_the_same(tmp_path: Path) -> None:
    """Kinds of panic, bounds of delays, keys that stand for no channel."""
    answers = ask_compiler(tmp_path, ["OC_PANICS", "OC_DELAYS", "OC_NIL_KEY", "OC_CLOSE_OF_NIL", "OC_LOST_LABEL"])

    last = types.PANICS.index("close_of_nil")
    assert answers == [len(types.PANICS), len(types.DELAY_BOUNDS_NS) + 1, types.NIL_KEY, last, types.Loss.LABEL]


def test_profiler_labels_have_the_room_and_the_forms_that_the_header_says(tmp_path: Path) -> None:
    """Names fit, and are no more than can be asked for."""
    numbers = ["OC_LABELS", "OC_LABEL_BYTES", "OC_LABEL_NAMES", "sizeof(struct oc_label_name)"]
    forms = ["OC_LABELS_UNKNOWN", "OC_LABELS_MAP", "OC_LABELS_LIST"]

    assert ask_compiler(tmp_path, numbers) == [LABELS, LONGEST_VALUE, LABEL_NAMES_MOST, LONGEST_NAME]
    assert ask_compiler(tmp_path, forms) == list(LabelForm)
    assert max(map(len, LABEL_NAMES)) <= LONGEST_NAME
    assert len(LABEL_NAMES) <= LABEL_NAMES_MOST


def test_bucket_bounds_rise_by_quarter_octaves_and_the_last_has_none() -> None:
    """2^10 ns first, then four steps to each power of two, up to 2^37 ns."""
    bounds = [types.bucket_bound_ns(index) for index in range(types.BUCKETS)]

    assert bounds[:6] == [1024, 1280, 1536, 1792, 2048, 2560]
    assert bounds[-2:] == [1 << 37, None]
    assert np.all(np.diff(np.array(bounds[:-1], dtype=np.int64)) > 0)
