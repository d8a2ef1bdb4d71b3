"""`otelchan doctor`: what this machine and, if asked, one program allow. A composition module: it sees several stages.

Reading (machine, program) is apart from judging (checks), which is pure.
"""
