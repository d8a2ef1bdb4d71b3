"""docs/quick-start.md does what it says: its program and its commands, as they stand there, give what it shows."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.stack import find_go
from tests.support import missing_for_kernel_tests, require_kernel
from tests.support.agent import agent, otelchan
from tests.support.otlp_server import otlp_server

pytestmark = pytest.mark.kernel

PAGE = (Path(__file__).parents[2] / "docs" / "quick-start.md").read_text()
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:sudo otelchan|go|\./prices|pkill) .*")
SHORTER_S = {"40": "14", "20": "11"}
"""Instead of what the page says: a leak is found after ten seconds, and called critical when it has lasted longer."""


def blocks(language: str) -> list[str]:
    return [text for kind, text in _BLOCK.findall(PAGE) if kind == language]


def commands() -> list[str]:
    """What a reader types, in order."""
    return [line for block in blocks("") for line in block.splitlines() if _COMMAND.fullmatch(line)]


class Reader:
    """Who follows the page in an empty folder. said: what each command of otelchan printed, with its exit status."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program: subprocess.Popen[str] | None = None
        self.said: list[tuple[str, int, str]] = []

    def types(self, command: str) -> None:
        """One line of the page."""
        words = shlex.split(command.removeprefix("sudo ").removesuffix(" &"))
        if words[0] == "otelchan":
            self._asks(command, words[1:])
        elif words[0] == "./prices":
            self._program = subprocess.Popen([self._folder / "prices"], stdout=subprocess.PIPE, text=True)
            assert self._program.stdout is not None
            self._program.stdout.readline()  # it runs
        elif words[0] == "pkill":  # this one only, in case somebody else follows the page now
            self.ends()
        else:
            subprocess.run([find_go(), *words[1:]], cwd=self._folder, check=True, capture_output=True)

    def _asks(self, command: str, words: list[str]) -> None:
        if "--endpoint" in words:
            with otlp_server() as server:
                words[words.index("--endpoint") + 1] = server.url
                with agent(self._folder / "agent.log", *words[1:]):
                    server.wait_for("/v1/metrics", 1, seconds=30)
            return
        shorter = [SHORTER_S.get(word, word) for word in words]
        shorter = [str(self._folder / word) if word == "prices.jsonl" else word for word in shorter]
        done = otelchan(*shorter)
        self.said.append((command, done.returncode, done.stdout))

    def ends(self) -> None:
        """The program ends, if it runs."""
        if self._program is not None:
            self._program.send_signal(signal.SIGTERM)
            self._program.communicate()
            self._program = None


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader whose program ends with the test."""
    missing = missing_for_kernel_tests()
    if missing is not None:
        require_kernel(missing)
    one = Reader(tmp_path)
    yield one
    one.ends()


def test_the_page_does_what_it_says(reader: Reader, tmp_path: Path) -> None:
    """Whoever types what the page says gets a machine that is ready, a leak at the lines that it names, none after the
    line is mended as it says, data at a Collector and in a file.
    """
    program, mended = blocks("go")
    lines = {line.strip(): at for at, line in enumerate(program.splitlines(), 1)}
    (tmp_path / "main.go").write_text(program)
    for command in commands():
        if command.startswith("pkill"):
            (tmp_path / "main.go").write_text(program.replace("\tanswer := make(chan int)\n", mended))
        reader.types(command)
    doctor, census, leak, mended_run, file = reader.said
    made, stuck = lines["answer := make(chan int)"], lines["answer <- lookUp()"]

    assert (0, "ready") == (doctor[1], doctor[2].split()[-1]), doctor
    assert (0, True) == (census[1], f"main.askPrice main.go:{made}" in census[2]), census
    said = re.search(
        r"F1: \d+ goroutines are stuck sending, each on its own channel ([^(]+)\(", " ".join(leak[2].split())
    )
    assert (1, f"main.askPrice main.go:{made} ") == (leak[1], said and said[1]), leak
    assert f"main.askPrice.func1 main.go:{stuck}" in leak[2]
    assert (0, True) == (mended_run[1], "no findings" in mended_run[2]), mended_run
    assert (0, True) == (file[1], "channel.waiters" in (tmp_path / "prices.jsonl").read_text()), file


def test_the_page_names_the_lines_of_its_program() -> None:
    """Output on the page has the lines at which the program on the page makes its channel and is stuck on it."""
    lines = {line.strip(): at for at, line in enumerate(blocks("go")[0].splitlines(), 1)}
    made, stuck = lines["answer := make(chan int)"], lines["answer <- lookUp()"]
    named = set(re.findall(r"main\.askPrice(?:\.func1)? (main\.go:\d+)", PAGE))
    assert {f"main.go:{made}", f"main.go:{stuck}", f"main.go:{made + 1}"} == named
