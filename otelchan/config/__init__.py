"""All settings, and the only reader of configuration files and of the environment.

docs/configuration.md and docs/config.schema.json are generated from the settings: `make docs`.
"""

from __future__ import annotations

from otelchan.config.folders import image_folder
from otelchan.config.load import environment, load
from otelchan.config.naming import Naming
from otelchan.config.reload import Apply, Reload, Source
from otelchan.config.settings import Config, Findings, Otlp, Signal

__all__ = [
    "Apply",
    "Config",
    "Findings",
    "Naming",
    "Otlp",
    "Reload",
    "Signal",
    "Source",
    "environment",
    "image_folder",
    "load",
]
