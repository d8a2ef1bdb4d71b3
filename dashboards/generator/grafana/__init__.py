"""Helpers that build Grafana's classic dashboard JSON from plain dictionaries: panels, queries, variables, layout."""
