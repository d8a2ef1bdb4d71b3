"""What passes a program's tap, written down and played again. Composition: its events are those of every stage.

format is the file, writer and recorder make one (ears listens to what has no tap), player makes snapshots of it again.
"""
