"""What texts may look like: regular expressions that mean the same to Python and to JSON Schema (ECMA-262)."""

from __future__ import annotations

import re

MASK = "***"  # what is shown in place of a secret

_END = r"$(?!\n)"  # Python's $ is also before a newline at the end, ECMA's is not
_UNMASKED = r"(?!.*\*\*\*)"


def _whole(expression: str) -> str:
    return f"^(?:{expression}){_END}"


_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_WORD = r"[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    [rf"(?:{_WORD}:){{7}}{_WORD}", rf"(?:{_WORD}:){{1,7}}:", rf":(?::{_WORD}){{1,7}}", "::"]
    + [rf"(?:{_WORD}:){{1,{7 - n}}}(?::{_WORD}){{1,{n}}}" for n in range(1, 7)]
)
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[(?:{_IPV6})\])"
_PORT = r":0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_USER = r"(?:[!\"$-.0->A-Z^-~]*@)?"
_URL = rf"[Hh][Tt][Tt][Pp][Ss]?://{_USER}{_HOST}(?:{_PORT})?(?:[/?#][!-~]*)?"

URL = _UNMASKED + _whole(_URL)
TARGET = _whole(_HOST + _PORT)
ENDPOINT = _UNMASKED + _whole(f"{_URL}|{_HOST}{_PORT}")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# An address to listen at: no host names but one, because what others mean may change and be anywhere.
LISTEN = _whole(rf"(?:localhost|{_OCTET}(?:\.{_OCTET}){{3}}|\[(?:{_IPV6})\]){_PORT}")
LOOPBACK = _whole(rf"(?:localhost|127(?:\.{_OCTET}){{3}}|\[::1\]){_PORT}")
PATH = r"^[^\u0000]+$"
# A name or a glob: one line, which neither begins nor ends with a space.
LINE = r"^[^\u0000- \u007f](?:[^\u0000-\u001f\u007f]*[^\u0000- \u007f])?" + _END
CONTAINER = _whole("[0-9a-f]{1,64}")
OFF = _whole("[Oo][Ff][Ff]")
# RFC 9110, 5.6.2 and 5.5, without what gRPC does not take.
HEADER_NAME = _whole(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = r"^(?!\*\*\*$)(?:(?:[!-~](?:[ -~]*[!-~])?)?)" + _END


def matches(pattern: str, text: str) -> bool:
    """Whether a text is of that form."""
    return re.search(pattern, text) is not None
