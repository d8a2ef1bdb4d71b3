"""Every setting by its dotted key, from the structures in settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec
from msgspec import Struct

from otelchan.config.settings import Config


class Leaf(NamedTuple):
    """One setting. key: dotted path. unit: "" when it has none. reload: a change takes effect in a running agent.

    off: the word "off" is a value too, and means None.
    """

    key: str
    type: Any
    default: Any
    text: str
    allowed: str
    unit: str
    reload: bool
    off: bool

    @property
    def is_integer(self) -> bool:
        """Whether it is a whole number."""
        kind = self.type.__origin__
        return int in (kind, *(getattr(each, "__origin__", each) for each in get_args(kind)))

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "OTELCHAN_" + self.key.upper().replace(".", "_")

    @property
    def flag(self) -> str:
        """Its flag, in the commands that have one: without its section, unless that says what it is, and its unit."""
        name = self.key if self.key.startswith("status.") else self.key.rpartition(".")[2]
        name = name.replace(".", "_").removesuffix("_s").removesuffix("_ms")
        return "--" + name.replace("_", "-")


def _leaves(struct: type[Struct], prefix: str = "") -> Iterator[Leaf]:
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        kind = hints[field.name]
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from _leaves(kind, f"{prefix}{field.name}.")
            continue
        (meta,) = kind.__metadata__
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        default = list(default) if isinstance(default, tuple) else default
        extra = meta.extra
        yield Leaf(
            prefix + field.name,
            kind,
            default,
            meta.description,
            extra["allowed"],
            extra["unit"],
            extra["reload"],
            extra["off"],
        )


LEAVES = {leaf.key: leaf for leaf in _leaves(Config)}
SECTIONS = {key.rpartition(".")[0] for key in LEAVES} - {""}  # dotted paths of mappings of settings
