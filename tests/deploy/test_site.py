"""The documentation site: it is built strictly, leads nowhere into the void, and is read without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.docpages import FOLDERS, ROOT, sources
from scripts.docsite import build, place
from tests.support.browser import Browser, browser
from tests.support.sitepages import as_on_github, dead_ends, read

_NETWORK = re.compile(r"""url\(["']?(?:https?:)?//|@import|\b(?:fetch|importScripts|import)\(["'`]https?:""")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of this repository as they are now, whoever edits them meanwhile."""
    return copied(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this repository, built once."""
    to: Path = tmp_path_factory.mktemp("docs") / "site"
    build(to, root)
    return to


@pytest.fixture(scope="module")
def seen() -> Iterator[Browser]:
    """A browser without a network."""
    with browser() as one:
        yield one


def copied(to: Path) -> Path:
    """The files that the site is made of, to be changed."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*ROOT.glob("*.md"), ROOT / "mkdocs.yml", ROOT / "LICENSE"):
        shutil.copy(path, to)
    return to


def html_of(site: Path, page: str) -> Path:
    return (site / place(page)).with_suffix(".html")


def test_every_page_of_the_repository_is_on_the_site(root: Path, site: Path) -> None:
    """No page for people is left out, wherever in the repository it is."""
    assert [] == [page for page in sources(root) if not html_of(site, page).is_file()]


def test_no_link_leads_nowhere(site: Path) -> None:
    """Each link of each built page leads to a file of the site, and its anchor to a place in it."""
    assert [] == dead_ends(site)


def test_a_dead_end_is_seen(tmp_path: Path) -> None:
    """The check above names a link to no file, to no place, and a picture that is missing."""
    (tmp_path / "a.html").write_text(
        '<h1 id="here"></h1><a href="b.html"><a href="#no"><a href="#here"><img src="c.png">'
    )
    assert ["a.html: b.html", "a.html: #no", "a.html: c.png"] == dead_ends(tmp_path)


def test_mistakes_end_the_build(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A link to no page, no heading or no picture, and a page that the navigation has not, are errors that name it."""
    root = copied(tmp_path / "root")
    with (root / "docs" / "top.md").open("a") as page:
        page.write("\n[a](nowhere.md) [b](findings.md#no-such-heading) ![c](images/no.png)\n")
    (root / "docs" / "forgotten.md").write_text("# Forgotten\n")
    with pytest.raises(subprocess.CalledProcessError):
        build(tmp_path / "site", root)
    said = capfd.readouterr().err
    assert [] == [
        what for what in ("nowhere.md", "no-such-heading", "images/no.png", "forgotten.md") if what not in said
    ]


@pytest.mark.parametrize("page", sources())
def test_a_page_shows_the_same_as_on_github(page: str, root: Path, site: Path) -> None:
    """Headings, lists, tables, code and words are those that GitHub makes of the same file, in the same order."""
    assert as_on_github((root / page).read_text()) == read(html_of(site, page).read_text()).shown


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """No page asks for a script, style, font or picture of another site, and no style or script of ours does."""
    pages = {path.name: read(path.read_text()).loads for path in site.rglob("*.html")}
    outside = [f"{name}: {what}" for name, loads in pages.items() for what in loads if re.match(r"(https?:)?//", what)]
    files = [path for path in site.rglob("*") if path.suffix in (".css", ".js", ".svg")]
    assert ([], []) == (outside, [path.name for path in files if _NETWORK.search(path.read_text())])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_and_ask_for_nothing(width: int, dark: bool, site: Path, seen: Browser) -> None:
    """Opened as files, on a phone and on a desk: nothing too wide, no message, files only are asked for."""
    for page in ("README.md", "docs/how-it-works.md", "docs/quick-start.md", "docs/cli.md", "docs/metrics.md"):
        seen.open(html_of(site, page), width, 900, dark)
        asked = [address for address in seen.asked if not address.startswith(("file:", "data:"))]
        assert (page, [], [], width) == (page, seen.said, asked, seen.run("document.documentElement.scrollWidth"))


def test_dark_is_dark(site: Path, seen: Browser) -> None:
    """A page follows what the reader prefers: text light on dark, or dark on light, with enough between them."""
    shades = []
    for dark in (False, True):
        seen.open(html_of(site, "docs/how-it-works.md"), dark=dark)
        colours = seen.run(
            "['color', 'backgroundColor'].map(what => getComputedStyle(document.body)[what]"
            ".match(/[0-9.]+/g).slice(0, 3).reduce((sum, one) => sum + Number(one), 0))"
        )
        shades.append(colours)
    (text, back), (dark_text, dark_back) = shades
    assert (True, True) == (back - text > 300, dark_text - dark_back > 300), shades


def test_search_finds_a_page(site: Path, seen: Browser) -> None:
    """What is typed into the search field is found, in pages that were opened as files."""
    seen.open(html_of(site, "README.md"))
    seen.run("document.querySelector('[name=query]').focus()")
    seen.run(
        "(() => { const field = document.querySelector('[name=query]'); field.value = 'seccomp';"
        " field.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true})); })()"
    )
    found = seen.run(
        "new Promise(resolve => { let left = 400; const look = () => {"
        " const links = [...document.querySelectorAll('.md-search-result__link')].map(link => link.href);"
        " if (links.length || !left--) resolve(links); else setTimeout(look, 50); }; look(); })"
    )
    assert any("permissions.html" in link for link in found), found
