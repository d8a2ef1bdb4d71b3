"""Grafana dashboards, one module each: `python -m dashboards.generator.boards`."""

from dashboards.generator.boards import agent, channels, close, goroutines, objectives, overview, pipeline, topology

ALL = tuple(module.BOARD for module in (overview, channels, goroutines, topology, close, objectives, agent, pipeline))
"""Every dashboard, the one to begin with first."""
