"""Headless Chromium, to look at a page as a person would: without a network, at a width, light or dark.

It is driven over a pipe by the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/): messages are
JSON with a null byte after each, commands go to its descriptor 3, answers and events come from 4.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otelchan import clock

_PATIENCE_S = 60
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no name has an address: there is no network
    "about:blank",
)


class Browser:
    """One page. said: errors and warnings of scripts and of the content security policy. asked: addresses requested."""

    def __init__(self, commands: int, answers: int) -> None:
        """commands, answers: descriptors of the pipes, which stay the caller's."""
        self.said: list[str] = []
        self.asked: list[str] = []
        self._commands, self._answers = commands, answers
        self._buffer = b""
        self._number = 0
        self._loaded = False
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._page: str | None = None
        self._page = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")

    def open(self, page: Path, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file, with a window of this size in pixels. Empties `said` and `asked`."""
        self.said, self.asked, self._loaded = [], [], False
        self.resize(width, height)
        self.scheme(dark)
        self._ask("Page.navigate", url=page.resolve().as_uri())
        while not self._loaded:
            self._read()

    def resize(self, width: int, height: int) -> None:
        """Change the window; under 600 pixels it is a phone's."""
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def scheme(self, dark: bool, paper: bool = False) -> None:
        """Prefer dark or light. paper: show what would be printed."""
        preferred = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", media="print" if paper else "", features=[preferred])

    def paper(self) -> bytes:
        """The page as it would be printed, on the paper that it asks for: a PDF file."""
        return base64.b64decode(self._ask("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; an AssertionError when it throws."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """One key, by its name and Windows' number: ("Tab", 9), ("Enter", 13, "\\r")."""
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **typed)

    def picture(self, to: Path, whole: bool = False, top: int | None = None, height: int = 0) -> None:
        """A PNG file of the window, of the whole page, or of `height` pixels of it from `top`."""
        options: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole or top is not None}
        if options["captureBeyondViewport"]:
            size = self._ask("Page.getLayoutMetrics")["cssContentSize"]
            start, tall = (0, size["height"]) if top is None else (top, min(height, size["height"] - top))
            options["clip"] = {"x": 0, "y": start, "width": size["width"], "height": tall, "scale": 1}
        to.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot", **options)["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if getattr(self, "_page", None):
            message["sessionId"] = self._page
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        deadline = clock.monotonic_ns() + _PATIENCE_S * 1_000_000_000
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, (deadline - clock.monotonic_ns()) / 1e9))
            assert ready, f"the browser said nothing for {_PATIENCE_S} s"
            piece = os.read(self._answers, 1 << 20)
            assert piece, "the browser ended"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, about: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.said.append(str(about["exceptionDetails"]))
        elif event == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.said.append(about["entry"]["text"])
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.said.append(str(about["args"]))
        elif event == "Network.requestWillBeSent":
            self.asked.append(about["request"]["url"])
        elif event == "Page.loadEventFired":
            self._loaded = True


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium that ends with the block. `scripts/setup.sh --test` installs it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "there is no chromium: run scripts/setup.sh --test"
    theirs_in, commands = os.pipe()
    answers, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}',
                "bash",
                program,
                f"--user-data-dir={home}",
                *_FLAGS,
            ],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "XDG_CACHE_HOME": f"{home}/cache"},  # else it leaves folders in the user's
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Browser(commands, answers)
        finally:
            os.close(commands)  # it ends when nobody can ask it any more
            os.close(answers)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
