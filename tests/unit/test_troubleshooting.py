"""Whatever otelchan says has gone wrong has a row in the tables of what to do, and each row quotes the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from otelchan import clock
from otelchan.errors import UsageError
from otelchan.troubleshooting import TOPICS, Row, about, rows, section
from otelchan.troubleshooting.reference import markdown
from tests.support.error_texts import PYTHONS, ROOT, VALUE, Said, texts

WITHIN = {
    "ProofError": "the … plane is left out: …",
}
"""What is never said alone but ends the message of another row."""
NO_ROW = {
    "(and … more: `otelchan config validate …`)": "the first error has a row, and this says how to see the others",
    "the analysis of … failed:": "a bug of ours (exit status 3), which has a row",
    "the length has no end": "caught: the file has no build information then",
    "… is in no segment of …": "sites were found in a segment, so only a bug gives another address",
    "address … is not in the file …": "shown as `…, which is damaged` with a row",
    "… bytes at address … are not in one piece in the file …": "shown as `…, which is damaged` with a row",
    "… is not a file of ours of at most … bytes": "on --debug only: the image is made anew",
    "these bytes are no image: …": "on --debug only: the image is made anew",
    "… hits did not find what they looked for": "shown in `costs of probes cannot be measured here (…)`",
    "no answer for … s": "shown in `costs of probes cannot be measured here (…)`",
    "… hits of kind … instead of …": "shown in `costs of probes cannot be measured here (…)`",
    "the program that is to be measured did not start": "shown in `costs of probes cannot be measured here (…)`",
    "nothing was measured": "a damaged file of costs, measured anew",
    "a hit of kind … takes … ns, not … to …": "a damaged file of costs, measured anew",
    "the time slice was cancelled": "whoever cancels it does not ask for its result",
    "ring record of … bytes that begins with …, expected … bytes": "only a bug: both sides come from one build",
    "too many tables": "caught: channels of signals are not known then",
    "too many groups": "caught: channels of signals are not known then",
    "too many buckets": "caught: channels of signals are not known then",
    "target id … does not fit 16 bits": "only a bug: no more targets are given out",
    "frame of … bytes in … does not fit 16 bits": "only a bug: the rules look at functions of the runtime",
    "channel offset … in … is not a small number of words": "only a bug: the rules look at functions of the runtime",
    "closure at … in … is outside the … bytes that are read": "only a bug: the rules look at functions of the runtime",
    "this record was not drained here": "only a bug of a recording",
    "… bytes of keys and … of values in the map …": "shown in `the recording … is damaged (…)`",
}
"""Texts that nobody is shown, or only as a part of one that has a row: why."""
NOT_ITS_USERS = {
    "otelchan/gobinary/offsets.py": "the tool that measures layouts, for those who develop otelchan",
    "otelchan/testing.py": "stand-ins for tests",
}
NO_NEXT_STEP = {
    "no time slice of pid … can be taken: it executes another file now": "the warning says when the next one is",
    "the time slice was cancelled": "whoever cancels it does not ask for its result",
}
"""Errors that do not say what to do: why."""
_STEP = re.compile(r"; \S|, (see|which|so) |, but must be |\bgive \S|: …$|^…|must be|\(…\)$")


@pytest.fixture(scope="module")
def said() -> list[Said]:
    """Every text of the package that somebody may be shown, read once."""
    return [text for text in texts() if text.has_words and text.where.rpartition(":")[0] not in NOT_ITS_USERS]


@cache
def pattern(message: str) -> re.Pattern[str]:
    """What a text with this message in it looks like."""
    return re.compile(".*?".join(map(re.escape, message.split(VALUE))))


def without_row(said: list[Said], known: Sequence[Row]) -> list[Said]:
    """Texts that no row is about."""
    patterns = [pattern(row.message) for row in known]
    return [text for text in said if text.how not in WITHIN and not any(p.search(text.text) for p in patterns)]


@pytest.fixture(scope="module")
def bare(said: list[Said]) -> list[Said]:
    """Those that no row is about, looked for once."""
    return without_row(said, rows())


def test_every_text_has_a_row(bare: list[Said]) -> None:
    """Whoever searches the page for what was printed finds it. A new text needs a row in otelchan/troubleshooting."""
    missing = [text for text in bare if not any(part in text.text for part in NO_ROW)]

    assert [] == [f"{text.where} {text.how}: {text.text}" for text in missing]


def test_the_texts_are_many(said: list[Said]) -> None:
    """They are found at all, of every kind."""
    assert {"UsageError", "TargetError", "BinaryError", "KernelError", "MemoryGone", "warning", "error"} <= {
        text.how for text in said
    }
    assert len(said) > 300


def test_a_text_without_a_row_is_found(said: list[Said]) -> None:
    """The rule can fail: without its row a text is named."""
    some = [row for row in rows() if "is a thread of process" not in row.message]

    assert ["… is a thread of process …; give … instead"] == [
        text.text for text in without_row([text for text in said if "thread" in text.text], some)
    ]


def test_a_text_that_needs_no_row_is_still_there(bare: list[Said]) -> None:
    """And has none: else it need not be excused."""
    assert [] == [part for part in NO_ROW if not any(part in text.text for text in bare)]


@pytest.mark.parametrize("how", WITHIN)
def test_what_ends_another_message_is_in_a_row(how: str, said: list[Said]) -> None:
    """That other message has one."""
    assert [text for text in said if text.how == how]
    assert [row for row in rows() if WITHIN[how] in row.message]


def test_every_error_says_what_to_do(said: list[Said]) -> None:
    """After a semicolon, or with a form to write; what passes on another error ends as that one does."""
    found = {
        text.text
        for text in said
        if text.how not in PYTHONS | WITHIN.keys()
        and text.how.endswith(("Error", "Gone"))
        and not _STEP.search(text.text)
    }

    assert NO_NEXT_STEP.keys() == found


def strings() -> list[str]:
    """Every text in the package, with each value that is put into it as an ellipsis."""
    found = []
    for path in sorted((ROOT / "otelchan").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (value.value if isinstance(value, ast.Constant) else VALUE for value in node.values)
                found.append("".join(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%[-#.\d]*[a-z]", VALUE, node.value))
    return found


@pytest.fixture(scope="module")
def everything() -> str:
    """All texts of the package, gathered once."""
    return "\n".join(strings())


def gone(messages: Sequence[str], said: list[Said], everything: str) -> list[str]:
    """Messages that no text has, nor several that are put together."""
    return [
        message
        for message in messages
        if message not in everything and not any(pattern(message).search(text.text) for text in said)
    ]


def test_a_quoted_message_is_one_that_the_code_has(said: list[Said], everything: str) -> None:
    """A row whose text was changed or taken out is named."""
    assert [] == gone([row.message for row in rows()], said, everything)


def test_a_message_that_is_gone_is_found(said: list[Said], everything: str) -> None:
    """The rule can fail."""
    messages = ["… is a thread of task …", "… is a thread of process …"]

    assert messages[:1] == gone(messages, said, everything)


def test_every_line_of_a_table_is_a_row() -> None:
    """With three cells that say something; none is passed over because it is written in another way."""
    lines = [line for topic in TOPICS for line in section(topic).splitlines() if line.startswith("|")]
    heads = [line for line in lines if line in ("| message | cause | what to do |", "|---|---|---|")]

    assert len(lines) - len(heads) == len(rows())
    assert [] == [row for row in rows() if not all((row.message, row.cause, row.remedy))]
    assert [] == [row for row in rows() if row.remedy.count("`") % 2 or row.cause.count("`") % 2]


def test_a_row_stands_by_itself() -> None:
    """`explain --error` prints it without its neighbours."""
    words = re.compile(r"^the same($|[,;])|^the next row|in that (warning|message)|^the row about")

    assert [] == [row for row in rows() if any(map(words.search, (row.where.strip("()"), row.cause, row.remedy)))]


def test_no_message_has_two_rows() -> None:
    """Else they would come to differ."""
    messages = [row.message for row in rows()]

    assert [] == [message for message in set(messages) if messages.count(message) > 1]


def test_a_row_has_words_of_its_own() -> None:
    """One that fitted everything would hide that a text has none."""
    assert [] == [row.message for row in rows() if len(re.findall("[A-Za-z]", row.message)) < 9]


def test_every_topic_is_shown() -> None:
    """A file that is not named in TOPICS would be read by nobody."""
    assert set(TOPICS) == {path.stem for path in (ROOT / "otelchan" / "troubleshooting").glob("*.md")}


def test_the_page_is_what_is_generated() -> None:
    """`python -m otelchan.troubleshooting.reference > docs/troubleshooting.md` writes it."""
    assert markdown() == (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def test_a_message_leads_to_its_row() -> None:
    """As it is printed, with values in it, and in a line of a log; unless another row quotes more of that line."""
    for row in rows():
        found = about(f"2026-11-22T09:30:00+0000 WARNING {row.message.replace(VALUE, '4711')} and more")

        assert row in found or all(letters(other) >= letters(row) for other in found), (row.message, found)


def letters(row: Row) -> int:
    """How much of a line it quotes."""
    return len(row.message.replace(VALUE, ""))


def test_the_row_that_says_most_comes_first() -> None:
    """A warning about delivery is in two rows: about the delivery, and about what to do in this case."""
    found = about(
        "cannot deliver telemetry to http://localhost:4317 (connection broken): the newest metric values and the "
        "latest spans are kept until it takes them; look what listens there: for a gRPC port set otlp.protocol to "
        "grpc, for one that speaks TLS write https:// instead of http://"
    )

    assert [
        "look what listens there: for a gRPC port set otlp.protocol to grpc",
        "cannot deliver telemetry to … (…): …",
    ] == [row.message for row in found]


def test_a_few_words_are_enough() -> None:
    """As somebody remembers them, in any case of letters."""
    assert ["… is a thread of process …; give … instead"] == [row.message for row in about("Is a Thread of")]


def test_what_is_no_message_is_refused() -> None:
    """With what was asked, and what can be given."""
    with pytest.raises(UsageError, match="no message with 'hello there' is known; give a line as it was printed"):
        about("hello  there")


def test_a_page_of_a_log_is_looked_through_as_fast_as_a_line_of_it() -> None:
    """Per word: somebody in a hurry pastes all that there is."""
    spent_ns = []
    for words in (300, 300, 3000):  # the first one reads the files
        began = clock.monotonic_ns()
        with pytest.raises(UsageError):
            about("x " * words)
        spent_ns.append((clock.monotonic_ns() - began) / words)

    _, line, page = spent_ns
    assert page < 10 * line


MADE_UP = """
WORDS = "a constant"

def reason(n):
    if n:
        return f"the first {n}"
    return "the second"

def f(a, b):
    sentence = f"one of {a}" if a else "none"
    raise UsageError(f"{sentence}; {WORDS}")

def g(pid):
    log.warning("pid %d: %s; gone", pid, reason(pid))
    log.info("pid %d is fine", pid)
    raise errors.Special(reason(pid))

def h(path):
    raise OSError(22, "it is special", path)
"""


def test_the_words_of_a_text_are_followed(tmp_path: Path) -> None:
    """To a constant, a local variable and a function of the same module; classes that derive from ours count."""
    package = tmp_path / "made"
    package.mkdir()
    (package / "errors.py").write_text(
        "class UsageError(Exception):\n    pass\n\n\nclass Special(UsageError):\n    pass\n"
    )
    (package / "up.py").write_text(MADE_UP)

    assert {
        ("UsageError", "one of …; a constant"),
        ("UsageError", "none; a constant"),
        ("warning", "pid …: …; gone"),
        ("Special", "the first …"),
        ("Special", "the second"),
        ("OSError", "it is special"),
    } == {(text.how, text.text) for text in texts(package) if text.text != VALUE}
