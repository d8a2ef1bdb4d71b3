#!/usr/bin/env bash
# `make demo`: watch a small Go program that leaks goroutines, and say what is wrong with it. See scripts/demo.py.
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv/bin/python -m scripts.demo "$@"
