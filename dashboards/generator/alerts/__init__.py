"""Alert and recording rules, and their promtool tests: `python -m dashboards.generator.alerts`."""
