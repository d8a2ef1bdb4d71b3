"""All settings, and the only reader of configuration files and of the environment.

docs/configuration.md is generated from the settings: `python -m otelchan.config > docs/configuration.md`.
"""

from __future__ import annotations

from otelchan.config.load import environment, load
from otelchan.config.settings import Config, Findings, Otlp, Signal

__all__ = ["Config", "Findings", "Otlp", "Signal", "environment", "load"]
