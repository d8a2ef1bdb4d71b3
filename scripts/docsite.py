"""The documentation site: `python -m scripts.docsite [FOLDER]` writes it to build/site, to be read without a network.

The pages are where GitHub shows them, at the top, in docs/ and beside what they are about, and link to each other as
files of the repository do. Here they are brought together in a folder, with links exchanged for those of the site,
and every other file that a page leads to beside them, as it is. Then Material for MkDocs renders them by mkdocs.yml,
strictly: a page without a place in the navigation and a link that leads nowhere are errors, and the exit status is 2.

They are staged, and not read by a plugin, so that any other generator that knows Python's Markdown could render them.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

from scripts.docpages import ROOT, links, outside, relinked, resolved, sources

SITE = ROOT / "build" / "site"
_HOME = "README.md"
_FRONT = {_HOME: "---\nhide: [navigation]\n---\n\n"}
"""What the site wants to know of a page, and GitHub would show."""
_ASSETS = "docs/site"
"""Style, scripts and pictures of the site itself."""
_CELL_CODE = re.compile(r"(`+)[^`]+\1")


def place(path: str) -> str:
    """Where a file of the repository is on the site: "docs/top.md" is top.md, "README.md" index.md."""
    if path == _HOME:
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    parts = PurePosixPath(path)
    if parts.name == "README.md":
        return f"{parts.parent}/index.md"
    if path.endswith(".md"):
        return path.lower()
    return f"files/{path}"


def stage(root: Path, to: Path) -> dict[str, str]:
    """Bring pages and what they lead to together in a folder, which is emptied. Returns where each page went."""
    shutil.rmtree(to, ignore_errors=True)
    placed = {page: place(page) for page in sources(root)}
    others = {path.relative_to(root).as_posix() for path in (root / _ASSETS).rglob("*") if path.is_file()}
    for page, where in placed.items():
        text = (root / page).read_text()
        new = {link.to: moved(page, link.to) for link in links(text)}
        others |= {path for path, _ in (resolved(page, link) for link in new if not outside(link))}
        _write(to / where, _FRONT.get(page, "") + rendered_alike(relinked(text, new)))
    for path in sorted(others - set(placed)):
        if (root / path).is_file():  # what is not is said by the strict build
            _write(to / place(path), (root / path).read_bytes())
    return placed


def moved(page: str, link: str) -> str:
    """A link of a page of the repository, as the same link on the site."""
    if outside(link) or link.startswith(("#", "/")):
        return link
    path, anchor = resolved(page, link)
    there = posixpath.relpath(place(path), posixpath.dirname(place(page)) or ".")
    return f"{there}#{anchor}" if anchor else there


def rendered_alike(text: str) -> str:
    """The same page for Python's Markdown, where it reads something else than GitHub: code with a bar in a table."""
    return "".join(_CELL_CODE.sub(_unescaped, line) if line.startswith("|") else line for line in text.splitlines(True))


def _unescaped(code: re.Match[str]) -> str:
    return code[0].replace("\\|", "|")


def build(to: Path, root: Path = ROOT) -> None:
    """Write the site of a repository. Raises subprocess.CalledProcessError, having said why, when that fails strictly.

    Beside the folder, NAME.pages keeps what was brought together.
    """
    pages = to.with_name(f"{to.name}.pages")
    stage(root, pages)
    settings = pages.with_suffix(".yml")
    settings.write_text(f"INHERIT: {root / 'mkdocs.yml'}\ndocs_dir: {pages}\nsite_dir: {to}\n")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--config-file", str(settings)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # of Material's successor: CONTRIBUTING.md says it
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
    print(
        *(line for line in done.stderr.splitlines() if not line.startswith("INFO")), sep="\n", end="", file=sys.stderr
    )
    done.check_returncode()


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve() if sys.argv[1:] else SITE
    try:
        build(folder)
    except subprocess.CalledProcessError:
        sys.exit(2)
    print(folder / "index.html")
