"""Each finding has a page, in one form, that names settings there are; and docs/findings.md is made of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from otelchan.cli import main
from otelchan.config import Objective
from otelchan.config.leaves import LEAVES
from otelchan.errors import UsageError
from otelchan.findings.catalogue import FINDINGS
from otelchan.findings.pages import HEADINGS, page, page_ids, summary
from otelchan.findings.reference import markdown

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "otelchan" / "findings" / "pages"
SHORTEST, LONGEST = 25, 50
THRESHOLD = re.compile(r"`(?:[a-z]+\.)?([a-z0-9]+_[a-z0-9_]+)`(?: \((?:default: )?|, )(\d[\d,]*(?:\.\d+)?)")
SETTING = re.compile(r"`((?:findings|dumps|objectives)\.[a-z0-9_]+)`")


def test_every_finding_has_a_page_and_every_page_a_finding() -> None:
    """Those of the catalogue, and F3 and F13, which are none but have one."""
    assert sorted({*FINDINGS, "F3", "F13"}) == sorted(page_ids()) == sorted(path.stem for path in FOLDER.glob("*.md"))
    assert ["F1", "F2", "F3"] == page_ids()[:3]


@pytest.mark.parametrize("finding", page_ids())
def test_a_page_has_the_form_of_all_pages(finding: str) -> None:
    """Its title, one sentence, then these headings and no other; neither long nor wide."""
    lines = page(finding).splitlines()
    assert re.fullmatch(rf"# {finding}: [a-z].*[a-z]", lines[0])
    assert "" == lines[1]
    assert summary(finding)[-1:] == "."
    assert list(HEADINGS) == [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert [] == [line for line in lines[1:] if re.match(r"#(?!# )", line)]
    assert SHORTEST <= len(lines) <= LONGEST
    assert [] == [line for line in lines if len(line) > 120]


@pytest.mark.parametrize("finding", page_ids())
def test_the_settings_in_a_page_exist(finding: str) -> None:
    """With their sections; a threshold that is said there with a default has that default."""
    text = " ".join(page(finding).split())
    assert [] == [key for key in SETTING.findall(text) if key not in LEAVES]
    defaults = {key.rpartition(".")[2]: leaf.default for key, leaf in LEAVES.items()}
    defaults |= {field.name: field.default for field in msgspec.structs.fields(Objective) if not field.required}
    wrong = [(key, said) for key, said in THRESHOLD.findall(text) if defaults.get(key) != float(said.replace(",", ""))]
    assert [] == wrong


@pytest.mark.parametrize("entry", FINDINGS.values(), ids=lambda entry: entry.id)
def test_the_title_of_a_page_is_that_of_the_catalogue(entry: object) -> None:
    """So that the same thing has the same name everywhere."""
    id_, title = entry.id, entry.title  # type: ignore[attr-defined]
    assert f"# {id_}: {title}" == page(id_).splitlines()[0]


def test_docs_findings_is_what_the_pages_say() -> None:
    """docs/findings.md is generated; `make docs` brings it up to date."""
    assert markdown() == (ROOT / "docs" / "findings.md").read_text()


def test_the_table_is_what_was_measured(tmp_path: Path) -> None:
    """A row per program; without a measurement there is no table."""
    measured = tmp_path / "findings.json"
    assert "| finding |" not in markdown(measured)
    silent: dict[str, list[str]] = {"other_findings": [], "false_alarms_on_twin": []}
    rows = [
        {"finding": "F1", "program": "F1-stuck", "seconds": 21.4, **silent},
        {"finding": "F2", "program": "F2", "seconds": None, **silent, "false_alarms_on_twin": ["F1", "F10"]},
    ]
    measured.write_text(json.dumps({"programs": rows, "healthy": {"pools": []}}))
    text = markdown(measured)
    first, second = (
        "| F1 | `F1-stuck` | 21 s | 75 s | none | none |",
        "| F2 | `F2` | not found | 30 s | none | F1, F10 |",
    )
    assert f"|---|---|---|---|---|---|\n{first}\n{second}\n" in text
    assert "| `pools` | none |\n" in text


def test_explain_prints_a_page_whatever_the_case(capsys: pytest.CaptureFixture[str]) -> None:
    """As it is, in a pipe."""
    assert (0, page("F3")) == (main(["explain", "f3"]), capsys.readouterr().out)
    assert 0 == main(["explain", "F3", "--json"])
    assert {"id": "F3", "title": "snapshot and diff", "markdown": page("F3")} == json.loads(capsys.readouterr().out)


def test_explain_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """With the sentence of each."""
    assert 0 == main(["explain"])
    lines = capsys.readouterr().out.splitlines()
    assert page_ids() == [line.split()[0] for line in lines if re.match(r"F\d", line) and line != "Findings"]
    assert 0 == main(["explain", "--json"])
    listed = json.loads(capsys.readouterr().out)["findings"]
    assert [(id_, summary(id_)) for id_ in page_ids()] == [(row["id"], row["summary"]) for row in listed]


@pytest.mark.parametrize("wrong", ["F99", "", "leak", "../F1", "F01"])
def test_an_unknown_finding_is_one_sentence_with_those_there_are(wrong: str) -> None:
    """And no file is opened by a name from outside."""
    known = r"F1, F2, F3, .*, F16$"
    with pytest.raises(UsageError, match=f"there is no finding {re.escape(wrong)}; give one of {known}"):
        page(wrong)
