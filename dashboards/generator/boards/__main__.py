"""`python -m dashboards.generator.boards`: write dashboards/*.json."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from dashboards.generator.boards import ALL
from dashboards.generator.grafana.board import text

FOLDER = Path(__file__).resolve().parents[2]


def files() -> Mapping[str, str]:
    """Text by file name."""
    return {f"{board.uid.removeprefix('otelchan-')}.json": text(board) for board in ALL}


def main() -> None:
    """Take the folder from the command line."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.generator.boards", description="Write the dashboards.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to (default: dashboards)")
    folder: Path = parser.parse_args().folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files().items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        parser.error(f"cannot write to {folder}: {error.strerror}; give another folder")


if __name__ == "__main__":
    main()
