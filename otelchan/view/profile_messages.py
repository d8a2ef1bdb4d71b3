"""The messages of profile.proto, for pprof, declared here and made by the protobuf library.

Source: github.com/google/pprof/proto/profile.proto; names and numbers as there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

# Message -> field -> (number, type); "[]" before the type: repeated. Types in lower case are protobuf's own.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "ValueType": {"type": (1, "int64"), "unit": (2, "int64")},
    "Label": {"key": (1, "int64"), "str": (2, "int64"), "num": (3, "int64"), "num_unit": (4, "int64")},
    "Sample": {"location_id": (1, "[]uint64"), "value": (2, "[]int64"), "label": (3, "[]Label")},
    "Mapping": {
        "id": (1, "uint64"),
        "memory_start": (2, "uint64"),
        "memory_limit": (3, "uint64"),
        "file_offset": (4, "uint64"),
        "filename": (5, "int64"),
        "build_id": (6, "int64"),
        "has_functions": (7, "bool"),
        "has_filenames": (8, "bool"),
        "has_line_numbers": (9, "bool"),
        "has_inline_frames": (10, "bool"),
    },
    "Line": {"function_id": (1, "uint64"), "line": (2, "int64")},
    "Location": {"id": (1, "uint64"), "mapping_id": (2, "uint64"), "address": (3, "uint64"), "line": (4, "[]Line")},
    "Function": {"id": (1, "uint64"), "name": (2, "int64"), "system_name": (3, "int64"), "filename": (4, "int64")},
    "Profile": {
        "sample_type": (1, "[]ValueType"),
        "sample": (2, "[]Sample"),
        "mapping": (3, "[]Mapping"),
        "location": (4, "[]Location"),
        "function": (5, "[]Function"),
        "string_table": (6, "[]string"),
        "time_nanos": (9, "int64"),
        "period_type": (11, "ValueType"),
        "period": (12, "int64"),
        "comment": (13, "[]int64"),
    },
}
_PACKAGE = "perftools.profiles"


def new_profile() -> Any:
    """An empty message Profile."""
    return _profile_class()()


@cache
def _profile_class() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="otelchan/profile.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            message.field.append(_field(field, number, kind))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Profile"))


def _field(name: str, number: int, kind: str) -> descriptor_pb2.FieldDescriptorProto:
    types = descriptor_pb2.FieldDescriptorProto
    bare = kind.removeprefix("[]")
    field = types(name=name, number=number)
    field.label = types.LABEL_REPEATED if bare != kind else types.LABEL_OPTIONAL
    if bare in _MESSAGES:
        field.type, field.type_name = types.TYPE_MESSAGE, f".{_PACKAGE}.{bare}"
    else:
        field.type = types.Type.Value(f"TYPE_{bare.upper()}")
    return field
