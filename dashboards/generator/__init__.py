"""Writes what is in dashboards/ from data: `make alerts dashboards`. Not part of the product: nothing is imported from
here by otelchan.
"""
