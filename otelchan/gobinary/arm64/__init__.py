"""What differs for executables built with GOARCH=arm64; the rest of this stage is the same for them.

None of it has run on an arm64 kernel: it is tested on executables that were cross-compiled, and run by an emulator.
"""
