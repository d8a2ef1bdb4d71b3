"""All settings, and the only reader of configuration files and of the environment.

docs/configuration.md and docs/config.schema.json are generated from the settings: `make docs`.
"""

from __future__ import annotations

from otelchan.config.dumps import Dumps
from otelchan.config.findings import Findings
from otelchan.config.folders import dump_folder, image_folder
from otelchan.config.load import environment, load
from otelchan.config.naming import Naming
from otelchan.config.objectives import Objective
from otelchan.config.otel import log_level
from otelchan.config.reload import Apply, Reload, Source
from otelchan.config.settings import Config, Otlp, Signal

__all__ = [
    "Apply",
    "Config",
    "Dumps",
    "Findings",
    "Naming",
    "Objective",
    "Otlp",
    "Reload",
    "Signal",
    "Source",
    "dump_folder",
    "environment",
    "image_folder",
    "load",
    "log_level",
]
