"""Writes what is in dashboards/ from data: `python -m dashboards.generator`. Not part of the product: nothing is
imported from here by otelchan.
"""
