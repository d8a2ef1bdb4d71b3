"""One module per command: what it says about itself, its arguments, and what it does. Composition: sees every stage.

Each module has HELP (summary, description, example), add_arguments(parser) and main(arguments), which returns the exit
status. Its top imports nothing heavy, because `otelchan --help` imports them all; what it needs, main imports.
"""

NAMES = (
    "run",
    "census",
    "goroutines",
    "snapshot",
    "diff",
    "report",
    "plan",
    "findings",
    "top",
    "chain",
    "explain",
    "record",
    "doctor",
    "config",
    "completion",
)
