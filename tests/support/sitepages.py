"""Pages of the documentation site, as a browser gets them: what they show, what they lead to and what they load."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt

_KEPT = ("li", "ul", "ol", "table", "tr", "td", "th", "pre", "h1", "h2", "h3", "h4", "blockquote", "img")
_SET_APART = (*_KEPT, "p")
_NOT_CONTENT = ("nav", "form", "button", "aside", "footer")
_LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "srcset", "use": "href"}
_LOADING_LINKS = ("stylesheet", "icon", "preload", "preconnect", "manifest", "prefetch", "modulepreload")


@dataclass
class Page:
    """shown: the content in order: text, and "<li>" and the like. leads: where its links go. loads: what a browser asks
    for when it opens it. ids: what a link may have behind #."""

    shown: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._inside, self._left_out, self._text = False, "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._note(tag, given)
        self._inside = self._inside or tag == "article"
        if not self._inside or self._left_out:
            return
        if tag in _NOT_CONTENT or "headerlink" in given.get("class", ""):
            self._left_out = tag
        if tag in _SET_APART:
            self._flush()
        if tag in _KEPT:
            self.page.shown.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._left_out:
            self._left_out = ""
        if tag in _SET_APART or tag == "article":
            self._flush()
        self._inside = self._inside and tag != "article"

    def handle_data(self, data: str) -> None:
        if self._inside and not self._left_out:
            self._text += data

    def _flush(self) -> None:
        text = " ".join(self._text.split())
        self._text = ""
        if text:
            self.page.shown.append(text)

    def _note(self, tag: str, given: dict[str, str]) -> None:
        self.page.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.page.leads.append(given["href"])
        if tag in _LOADING and _LOADING[tag] in given:
            self.page.loads.append(given[_LOADING[tag]])
        if tag == "link" and set(given.get("rel", "").split()) & set(_LOADING_LINKS):
            self.page.loads.append(given["href"])


def read(html: str) -> Page:
    """What is in a page."""
    reader = _Reader()
    reader.feed(html)
    return reader.page


def as_on_github(markdown: str) -> list[str]:
    """`Page.shown` of a page as CommonMark with tables has it."""
    return read(f"<article>{MarkdownIt('commonmark').enable('table').render(markdown)}</article>").shown


def dead_ends(site: Path) -> list[str]:
    """Links of all pages of a built site that lead to no file of it, or to no place in one."""
    pages = {path.relative_to(site).as_posix(): read(path.read_text()) for path in site.rglob("*.html")}
    return [
        f"{name}: {link}"
        for name, page in pages.items()
        if name != "404.html"  # its links are from the top of wherever the site is put
        for link in (*page.leads, *page.loads)
        if not link.startswith(("http://", "https://", "mailto:", "data:")) and not _there(site, pages, name, link)
    ]


def _there(site: Path, pages: dict[str, Page], name: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(path))) if path else name
    if not (site / target).is_file():
        return False
    return not anchor or target not in pages or unquote(anchor) in pages[target].ids
