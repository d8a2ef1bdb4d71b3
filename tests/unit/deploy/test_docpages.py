"""Links between the pages as GitHub follows them, how pages get to the site, and pages that are made by code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otelchan.commands.reference import markdown
from scripts.docpages import ROOT, anchors, code_lines, links, problems, relinked, resolved, slug, sources
from scripts.docsite import moved, place, stage
from scripts.figures import FIGURES, IMAGES

_PATH = re.compile(
    r"`((?:docs|tests|scripts|deploy|collector-config|dashboards|benchmarks|bpf|otelchan)/[\w./*-]*\w/?)`"
)


def written(root: Path, **pages: str) -> Path:
    """Pages in docs/: name without .md and text."""
    (root / "docs").mkdir()
    for name, text in pages.items():
        (root / "docs" / f"{name}.md").write_text(text)
    return root


def test_every_link_between_pages_leads_somewhere_on_github() -> None:
    """No page of this repository has a link to a file or a heading that is not there."""
    assert [] == problems()


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("b.md", None),
        ("b.md#two-words", None),
        ("#here", None),
        ("../LICENSE", None),
        ("https://example.com/x#y", None),
        ("c.md", "c.md leads to docs/c.md, which is not there"),
        ("b.md#two", "b.md#two: docs/b.md has no heading with the anchor two"),
        ("#two-words", "#two-words: docs/a.md has no heading with the anchor two-words"),
        ("../../secret", "../../secret leads to ../secret, which is not there"),
        ("/docs/b.md", "/docs/b.md is absolute: write it relative to the page"),
        ("../docs", "../docs is a folder: name a file in it, such as its README.md"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(link: str, said: str | None, tmp_path: Path) -> None:
    """Each way to be wrong is one sentence with page and line; what is right is silent."""
    root = written(tmp_path, a=f"# Here\n\ntext [b]({link})\n", b="# Two words\n")
    (root / "LICENSE").write_text("")
    assert ([] if said is None else [f"docs/a.md:3: {said}"]) == problems(root)


def test_pictures_and_links_in_html_are_links() -> None:
    """A picture, a picture that is a link, a reference and HTML all count; what is in code does not."""
    shown = '![p](p.png) [![q](q.png)](q.md) [r]\n\n<img src="s.png">\n\n'
    text = f"{shown}`[n](n.md)`\n\n```\n[n](n.md)\n```\n\n[r]: r.md\n"
    assert ["p.png", "q.md", "q.png", "r.md", "s.png"] == [link.to for link in links(text)]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("F1: leaked goroutines", "f1-leaked-goroutines"),
        ("What it does — and not", "what-it-does--and-not"),
        ("`otelchan plan --file` (arm64)", "otelchan-plan---file-arm64"),
        ("channel.slo.*, wait_age", "channelslo-wait_age"),
    ],
)
def test_anchors_are_githubs(heading: str, anchor: str) -> None:
    """Lower case, signs gone but - and _, each space a dash."""
    assert (anchor, {anchor}) == (slug(heading.replace("`", "")), anchors(f"## {heading}\n"))


def test_the_same_heading_twice_has_two_anchors() -> None:
    """The second one ends in -1; an id in HTML is an anchor too."""
    assert {"a", "a-1", "b"} == anchors('# A\n\n## A\n\n<a id="b"></a>\n')


def test_only_links_are_exchanged() -> None:
    """Links in text and tables get what they have on the site; the same words in code stay."""
    text = "[x](a.md) `[x](a.md)` | [y](a.md) |\n```\n[x](a.md)\n```\n[z](other.md)\n"
    assert text.replace("[x](a.md) `", "[x](b.md) `").replace("[y](a.md)", "[y](b.md)") == relinked(
        text, {"a.md": "b.md"}
    )


@pytest.mark.parametrize(
    ("page", "link", "there"),
    [
        ("docs/top.md", "findings.md#f1", "findings.md#f1"),
        ("docs/top.md", "../README.md#requirements", "index.md#requirements"),
        ("README.md", "docs/findings.md", "findings.md"),
        ("README.md", "docs/images/report.png", "images/report.png"),
        ("docs/top.md", "../collector-config/README.md", "collector-config/index.md"),
        ("collector-config/README.md", "../docs/alerts.md", "../alerts.md"),
        ("deploy/helm/otelchan/README.md", "values.yaml", "../../../files/deploy/helm/otelchan/values.yaml"),
        ("docs/top.md", "../SECURITY.md", "security.md"),
        ("docs/top.md", "https://example.com", "https://example.com"),
        ("docs/top.md", "#keys", "#keys"),
    ],
)
def test_a_link_of_the_repository_is_one_of_the_site(page: str, link: str, there: str) -> None:
    """Links keep leading to the same thing, from where the page is on the site to where the other one is."""
    assert there == moved(page, link)


def test_what_pages_lead_to_comes_along(tmp_path: Path) -> None:
    """A file that is no page, in docs/ or elsewhere, is on the site when a page leads to it, and only then."""
    (tmp_path / "root").mkdir()
    root = written(tmp_path / "root", a="[one](../bpf/one.c) ![two](two.png)\n\n| `x \\| y` |\n|---|\n")
    for name in ("bpf/one.c", "bpf/other.c", "docs/two.png"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(name)
    assert {"docs/a.md": "a.md"} == stage(root, tmp_path / "to")
    came = {path.relative_to(tmp_path / "to").as_posix() for path in (tmp_path / "to").rglob("*") if path.is_file()}
    assert {"a.md", "two.png", "files/bpf/one.c"} == came
    assert "[one](files/bpf/one.c) ![two](two.png)\n\n| `x | y` |\n|---|\n" == (tmp_path / "to" / "a.md").read_text()


def test_no_two_files_have_one_place() -> None:
    """Every page has a place of its own on the site."""
    places = [place(page) for page in sources()]
    assert sorted(set(places)) == sorted(places)


def test_every_page_is_in_the_navigation() -> None:
    """mkdocs.yml names each page once, by its place on the site."""
    named = re.findall(r"^ +- [^:\n]+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(place(page) for page in sources()) == sorted(named)


def test_a_page_above_the_top_is_seen() -> None:
    """`..` out of the repository is not taken for a file in it."""
    assert ("../x", "") == resolved("README.md", "../x")


def test_files_that_are_named_are_there() -> None:
    """A path of the repository that stands in code on a page, `tests/e2e/…` or with stars, is one that there is."""
    named = [(page, path) for page in sources() for path in _PATH.findall((ROOT / page).read_text())]
    assert len(named) > 20
    assert [] == [(page, path) for page, path in named if not any(ROOT.glob(path.rstrip("/")))]


def test_targets_of_make_that_are_named_are_there() -> None:
    """`make bench-apps` and the like on a page are targets of the Makefile."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [(page, line) for page in sources() for line in code_lines((ROOT / page).read_text())]
    named = [(page, found[1]) for page, line in lines if (found := re.match(r"make ([a-z][a-z0-9-]*)", line))]
    assert len(named) > 20
    assert [] == [(page, target) for page, target in named if target not in targets]


def test_pictures_say_what_they_show() -> None:
    """Each picture of a page has words for who does not see it."""
    silent = [page for page in sources() if re.search(r"!\[\s*\]\(", (ROOT / page).read_text())]
    assert [] == silent


def test_the_page_of_commands_is_up_to_date() -> None:
    """docs/cli.md is generated from the parsers; `make docs` brings it up to date."""
    assert markdown() == (ROOT / "docs" / "cli.md").read_text()


@pytest.mark.parametrize("file", FIGURES)
def test_drawings_are_up_to_date(file: str) -> None:
    """Drawings are made by code; `make docs` brings them up to date."""
    assert FIGURES[file]() == (IMAGES / file).read_text()
