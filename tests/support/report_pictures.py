"""Write docs/images: what `otelchan report` shows of the demonstration's program, as Chromium shows it.

    .venv/bin/python -m tests.support.report_pictures [FILE]

As root, a minute. FILE: a recording or a snapshot instead of watching. To be looked at before they are committed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.agent import otelchan
from tests.support.browser import Browser, browser
from tests.support.gobuild import build

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 200_000
WATCH_S, HEAD_START_S = 50, 5
WIDTH = 1280


def main() -> None:
    """Watch the program, make the page, take the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="otelchan-") as folder, browser() as opened:
        page = Path(folder) / "report.html"
        done = otelchan("report", sys.argv[1], "-o", page) if sys.argv[1:] else _watched(Path(folder), page)
        sys.exit(done.stderr) if done.returncode else print(done.stdout, end="")
        opened.open(page, WIDTH)
        _take(opened, "report.png", "body", "h3:nth-of-type(2) ~ .charts")
        _take(opened, "report-topology.png", *_between(opened, "Who uses which channel", "What is not here"))
        opened.scheme(dark=True)
        _take(opened, "report-dark.png", *_between(opened, "How long operations blocked", "Where goroutines wait"))
    for image in sorted(IMAGES.glob("report*.png")):
        print(f"{image}: {image.stat().st_size / 1000:.0f} kB")
        assert image.stat().st_size < MOST_BYTES, image


def _watched(folder: Path, page: Path) -> subprocess.CompletedProcess[str]:
    program = Path(shutil.copy(build("leaky"), folder / "leaky"))
    process = subprocess.Popen([program], stdout=subprocess.DEVNULL)
    try:
        time.sleep(HEAD_START_S)  # some goroutines are stuck before anybody looks
        return otelchan("report", process.pid, "--duration", WATCH_S, "-o", page)
    finally:
        process.kill()
        process.wait()


def _between(opened: Browser, first: str, last: str) -> tuple[str, str]:
    """Selectors of what begins with the heading `first` and ends before the heading `last`."""
    opened.run(
        "(() => {const all = [...document.querySelectorAll('h3, figcaption')];"
        f"const first = all.find((e) => e.innerText.startsWith({first!r}));"
        f"const last = all.find((e) => e.innerText.startsWith({last!r}));"
        "document.querySelectorAll('[data-from], [data-to]').forEach((e) => {"
        "  delete e.dataset.from; delete e.dataset.to;});"
        "first.dataset.from = ''; last.previousElementSibling.dataset.to = '';})()"
    )
    return "[data-from]", "[data-to]"


def _take(opened: Browser, name: str, first: str, last: str) -> None:
    """From the top of one element to the bottom of another."""
    top = opened.run(f"Math.max(0, document.querySelector({first!r}).getBoundingClientRect().top + scrollY - 16)")
    bottom = opened.run(f"document.querySelector({last!r}).getBoundingClientRect().bottom + scrollY + 16")
    opened.picture(IMAGES / name, top=int(top), height=int(bottom - top))


if __name__ == "__main__":
    main()
