"""Prints docs/configuration.md."""

from __future__ import annotations

from otelchan.config.reference import markdown

print(markdown(), end="")
