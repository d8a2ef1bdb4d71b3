"""`python -m dashboards.generator.alerts`: write dashboards/alerts/. With other parameters, into another folder."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from dashboards.generator.alerts import agent, collector, findings, objectives
from dashboards.generator.alerts.cases_files import test_files
from dashboards.generator.alerts.rules import Group
from dashboards.generator.alerts.text import rules_file
from dashboards.generator.parameters import Parameters

FOLDER = Path(__file__).resolve().parents[2] / "alerts"


def groups(parameters: Parameters) -> tuple[Group, ...]:
    """Everything there is, one file each."""
    return tuple(part.group(parameters) for part in (findings, objectives, agent, collector))


def files(parameters: Parameters) -> Mapping[str, str]:
    """Text by path under dashboards/alerts/. The tests of the rules are about the shipped parameters only."""
    found = {f"{group.name}.yaml": rules_file(group, parameters) for group in groups(parameters)}
    return {**found, **test_files()} if parameters == Parameters() else found


def write(folder: Path, parameters: Parameters) -> None:
    """Into a folder, which is made."""
    for name, text in files(parameters).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _where(fits: Callable[[str], object], what: str) -> Callable[[str], str]:
    """For argparse: a text that fits, without a slash at its end."""

    def read(text: str) -> str:
        if not fits(text):
            raise argparse.ArgumentTypeError(f"{text!r} is no {what}")
        return text.rstrip("/")

    return read


_URL = _where(re.compile(r"https?://[^\s{}?#]+").fullmatch, "http or https URL without a query")
_UID = _where(re.compile(r"[A-Za-z0-9_-]+").fullmatch, "uid: letters, digits, - and _; Grafana shows it in the URL")


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: it must be more than 0 and less than 1")
    return share


def _speed(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed: it must be a whole number from 1 on")
    return int(text)


def main() -> None:
    """Take the parameters from the command line."""
    shipped = Parameters()
    parser = argparse.ArgumentParser(prog="python -m dashboards.generator.alerts", description="Write the alert rules.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to (default: dashboards/alerts)")
    parser.add_argument(
        "--grafana", type=_URL, default=shipped.grafana, help="base URL of Grafana (default: %(default)s)"
    )
    parser.add_argument(
        "--tempo", type=_UID, default=shipped.tempo, help="uid of the Tempo data source (default: %(default)s)"
    )
    parser.add_argument(
        "--runbooks", type=_URL, default=shipped.runbooks, help="URL of docs/alerts.md (default: %(default)s)"
    )
    parser.add_argument(
        "--allowed", type=_share, default=shipped.allowed, help="share of late blocks: 1 - quantile (%(default)s)"
    )
    parser.add_argument("--speed", type=_speed, default=1, help="divide all durations by this, to try rules out")
    given = vars(parser.parse_args())
    folder = given.pop("folder")
    try:
        write(folder, Parameters(**given))
    except OSError as error:
        parser.error(f"cannot write to {folder}: {error.strerror}; give another folder")


if __name__ == "__main__":
    main()
