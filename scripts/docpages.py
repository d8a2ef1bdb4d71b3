"""The Markdown files that people read, as GitHub shows them: their links, headings and what a link leads to.

The rules of anchors are GitHub's: github.com/gjtorikian/html-pipeline, toc_filter.rb, and commonmarker. Parsing is
markdown-it-py's CommonMark with tables.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
FOLDERS = ("collector-config", "dashboards", "deploy", "docs")
"""Where pages are, besides those at the top."""
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")
_IDS = re.compile(r"""<[a-z][^>]*\s(?:id|name)=["']([^"']+)["']""")
_IN_HTML = re.compile(r"""\s(?:href|src|srcset)=["']([^"']+)["']""")
_CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_TARGET = re.compile(r"(\]\()([^)\s]+)(?=[)\s])")
_FENCE = re.compile(r"^ *(```|~~~)")


class Link(NamedTuple):
    """line: of the paragraph that it is in, from 1. to: as written."""

    line: int
    to: str


def sources(root: Path = ROOT) -> list[str]:
    """Every page that is for people, as a path from the top: "docs/findings.md"."""
    found = list(root.glob("*.md"))
    for folder in FOLDERS:
        found += (root / folder).rglob("*.md")
    return sorted(path.relative_to(root).as_posix() for path in found)


def links(text: str) -> list[Link]:
    """All links and pictures of a page, those in HTML too, in order."""
    found = []
    for token in _parse(text):
        line = token.map[0] + 1 if token.map else 0
        for part in (token, *(token.children or ())):
            to = part.attrGet("href") or part.attrGet("src")
            if to:
                found.append(Link(line, str(to)))
            if part.type in ("html_block", "html_inline"):
                found += [Link(line, to) for to in _IN_HTML.findall(part.content)]
    return found


def anchors(text: str) -> set[str]:
    """What may stand after # in a link to this page."""
    seen: Counter[str] = Counter()
    found = set(_IDS.findall(text))
    for heading in headings(text):
        base = slug(heading)
        found.add(f"{base}-{seen[base]}" if seen[base] else base)
        seen[base] += 1
    return found


def headings(text: str) -> list[str]:
    """The texts of all headings, without marks."""
    tokens = _parse(text)
    return [_plain(tokens[at + 1]) for at, token in enumerate(tokens) if token.type == "heading_open"]


def code_lines(text: str) -> list[str]:
    """What stands in code: each line of a block, joined where one ends in a backslash, and what is marked in a line."""
    found = []
    for token in _parse(text):
        if token.type in ("fence", "code_block"):
            found += token.content.replace("\\\n", " ").splitlines()
        found += [part.content for part in token.children or () if part.type == "code_inline"]
    return found


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading's text."""
    return _NOT_IN_ANCHORS.sub("", heading.strip().lower()).replace(" ", "-")


def outside(link: str) -> bool:
    """Whether a link leads to another site."""
    return _OUTSIDE.match(link) is not None


def resolved(page: str, link: str) -> tuple[str, str]:
    """What a link of a page leads to: (path from the top, anchor). A path above the top begins with ".."."""
    path, _, anchor = link.partition("#")
    if not path:
        return page, unquote(anchor)
    parts: list[str] = []
    for part in (*PurePosixPath(page).parent.parts, *PurePosixPath(unquote(path)).parts):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts), unquote(anchor)


def problems(root: Path = ROOT, pages: Sequence[str] | None = None) -> list[str]:
    """Links that lead nowhere on GitHub, each as one sentence with page and line. pages: only those; default: all."""
    found = []
    for page in sources(root) if pages is None else pages:
        for link in links((root / page).read_text()):
            wrong = _wrong(root, page, link.to)
            if wrong:
                found.append(f"{page}:{link.line}: {wrong}")
    return found


def _wrong(root: Path, page: str, link: str) -> str | None:
    if outside(link):
        return None
    if link.startswith("/"):
        return f"{link} is absolute: write it relative to the page"
    path, anchor = resolved(page, link)
    if path.startswith("..") or not (root / path).exists():
        return f"{link} leads to {path}, which is not there"
    if (root / path).is_dir():
        return f"{link} is a folder: name a file in it, such as its README.md"
    if anchor and path.endswith(".md") and anchor not in _anchors_of(root / path):
        return f"{link}: {path} has no heading with the anchor {anchor}"
    return None


@cache
def _anchors_of(path: Path) -> set[str]:
    return anchors(path.read_text())


def relinked(text: str, new: dict[str, str]) -> str:
    """A page with its links exchanged where they are in `new`; code stays as it is."""
    return "".join(
        piece if code else _TARGET.sub(lambda found: found[1] + new.get(found[2], found[2]), piece)
        for code, piece in _pieces(text)
    )


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """The text in order, cut into code and the rest."""
    block: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and not fence:
            yield from _spans("".join(block))
            block, fence = [line], mark[1]
        elif mark and mark[1] == fence:
            yield True, "".join([*block, line])
            block, fence = [], ""
        else:
            block.append(line)
    yield from [(True, "".join(block))] if fence else _spans("".join(block))


def _spans(text: str) -> Iterator[tuple[bool, str]]:
    at = 0
    for code in _CODE.finditer(text):
        yield False, text[at : code.start()]
        yield True, code[0]
        at = code.end()
    yield False, text[at:]


def _parse(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def _plain(token: Token) -> str:
    return "".join(part.content for part in token.children or () if part.type in ("text", "code_inline"))
