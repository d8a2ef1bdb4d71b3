"""How channels are to be called: the form of an alias, and what is said about a wrong one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from otelchan.config import patterns, targets

CONDITIONS = ("site", "function", "element_type")
_LONGEST = 300

Line = Annotated[str, Meta(pattern=patterns.LINE, max_length=_LONGEST)]


class Alias(Struct, frozen=True, forbid_unknown_fields=True):
    """A name for channels that fit all the globs that are given; `*` stands for anything, `?` for one character.

    site: of `file.go:line` or of `pkg.Func file.go:line`, where the channel is made. function: of the function that
    makes it. element_type: of the type of its elements.
    """

    name: Line
    site: Line | None = None
    function: Line | None = None
    element_type: Line | None = None

    def __post_init__(self) -> None:
        if not any(getattr(self, condition) for condition in CONDITIONS):
            raise ValueError(f"no condition is given, but one of {', '.join(CONDITIONS)} must be")


def _list(text: str, allowed: str, most: int) -> Meta:
    """As settings._doc, for at most so many entries."""
    return Meta(description=text, extra={"allowed": allowed, "unit": "", "reload": True, "off": False}, max_length=most)


class Naming(Struct, frozen=True, forbid_unknown_fields=True):
    """What channels are called."""

    aliases: Annotated[
        tuple[Alias, ...],
        _list(
            "Names for channels, `{name: orders, site: 'queue.go:12'}`: the first entry that fits a channel names it. "
            "`site` is a glob of `file.go:line` or of `pkg.Func file.go:line`, `function` of the function that makes "
            "the channel, `element_type` of the type of its elements; all that are given must fit. Entries may share "
            "a name.",
            "a list of mappings with name and site, function or element_type; in a variable as JSON",
            1000,
        ),
    ] = ()
    skip: Annotated[
        tuple[Line, ...],
        _list(
            "Globs of functions that make channels for others, such as `example.com/queue.New*`: a channel made there "
            "is named by the caller.",
            "a list of globs, in which `*` stands for anything and `?` for one character; in a variable separated by "
            "commas",
            100,
        ),
    ] = ()


def of_text(name: str, text: str) -> Any:
    """What a variable says: globs separated by commas, aliases as JSON; the text itself when it is neither."""
    if name in ("skip", "planes"):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def reason(error: msgspec.ValidationError) -> tuple[str, str]:
    """Which entry of a list is wrong, "[2].site", and why; ("", "") when it is no list at all."""
    what, _, path = str(error).partition(" - at `$")
    place = path.removesuffix("`")
    return (place, what[:1].lower() + what[1:]) if place else ("", "")


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a list of these, with what msgspec puts beside it written in its place."""
    definitions = schema.pop("$defs", {})
    reference = schema.get("items", {}).get("$ref", "")
    if reference:
        alias = dict(definitions[reference.rpartition("/")[2]])
        del alias["title"]
        schema["items"] = alias
        if "channel" not in alias.get("required", ()):  # an objective, which needs no other condition
            conditions = [name for name in (*CONDITIONS, *targets.CONDITIONS) if name in alias["properties"]]
            alias["anyOf"] = [{"required": [n], "properties": {n: {"type": "string"}}} for n in conditions]
    return schema
