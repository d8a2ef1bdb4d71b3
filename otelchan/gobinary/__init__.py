"""An executable, understood from its file alone: Go release, runtime layout, functions and lines, types, probe sites.

image.analyse() joins the modules; analysis.analyse_cached() runs it in a child process. Nothing here knows a process.
"""
