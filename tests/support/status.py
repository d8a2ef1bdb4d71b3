"""What a running agent says of itself over HTTP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import requests

from tests.support import eventually
from tests.support.programs import free_ports

Values = dict[tuple[str, ...], float]
_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class StatusPages:
    """Where an agent was told to listen: give it `flags`."""

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.url = f"http://{self.address}"
        self.flags = ("--status-listen", self.address)

    def get(self, page: str) -> requests.Response:
        """One answer."""
        return requests.get(f"{self.url}/{page}", timeout=5)

    def status(self, page: str) -> int:
        """The status of an answer; 0 when nobody listens."""
        try:
            return self.get(page).status_code
        except requests.ConnectionError:
            return 0

    def document(self, page: str) -> dict[str, Any]:
        """What a page says."""
        answer: dict[str, Any] = self.get(page).json()
        return answer

    def wait_ready(self, timeout: float = 60) -> dict[str, Any]:
        """Until /readyz says 200; what it says then."""
        eventually(lambda: self.status("readyz") == 200, timeout)
        return self.document("readyz")

    def metrics(self) -> dict[str, Values]:
        """Values by name and by the values of the labels, which are in order of their names."""
        found: dict[str, Values] = {}
        for line in self.get("metrics").text.splitlines():
            if not line.startswith("#"):
                match = _SAMPLE.fullmatch(line)
                assert match, line
                labels = tuple(value for _, value in sorted(_LABEL.findall(match["labels"] or "")))
                found.setdefault(match["name"], {})[labels] = float(match["value"])
        return found


def listening(pid: int) -> list[str]:
    """Local addresses, in hexadecimal, where a process listens over TCP."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = str(descriptor.readlink())
        if target.startswith("socket:["):
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()]
    return [row[1] for row in rows if len(row) > 9 and row[3] == "0A" and row[9] in inodes]
