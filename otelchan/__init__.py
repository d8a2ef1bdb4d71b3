"""See the channels and goroutines of Go programs that are already running, from outside, as OTLP."""

__version__ = "0.1.0"  # the same as in pyproject.toml; a test compares them
