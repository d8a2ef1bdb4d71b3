"""The part of a document that a benchmark writes, between two marks; what people wrote around it stays."""

from __future__ import annotations


def replaced(document: str, begin: str, end: str, part: str) -> str:
    """The document with other text between the two marks. Raises ValueError when it has not both, once each."""
    if document.count(begin) != 1 or document.count(end) != 1 or document.index(begin) > document.index(end):
        raise ValueError(f"the document must have the line {begin!r} and, below it, the line {end!r}, once each")
    return f"{document.split(begin)[0]}{begin}\n\n{part.strip()}\n\n{end}{document.split(end)[1]}"
