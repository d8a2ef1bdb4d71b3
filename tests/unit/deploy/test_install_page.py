"""docs/install.md and deploy/README.md: each command was run somewhere, or the page says that it was not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.installing import PAGE, blocks

REPO = Path(__file__).resolve().parents[3]
RUN = {
    "Wheel": "deploy/image/Dockerfile",
    "pip": "tests/deploy/test_systemd.py",
    "Shells and the manual page": "tests/deploy/test_systemd.py",
    "systemd": "tests/deploy/test_systemd.py",
    "Source": "scripts/setup.sh",
    "Another version, and none": "tests/deploy/test_systemd.py",
}
NOT_RUN = {"Container": "were not run", "Kubernetes": "Neither was run", "Docker Compose": "never run as a whole"}


def headings() -> list[str]:
    """All of the page, but its title."""
    text = re.sub(r"^```\n.*?^```$", "", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"^##+ (.+)$", text, re.M)


def test_each_way_is_run_or_said_not_to_be() -> None:
    """Nothing is on the page of which nobody knows whether it works."""
    assert set(headings()) == RUN.keys() | NOT_RUN.keys()
    assert [] == [name for name in RUN.values() if not (REPO / name).exists()]
    assert [] == [heading for heading in headings() if not blocks(heading)]


@pytest.mark.parametrize(("heading", "said"), NOT_RUN.items())
def test_what_was_not_run_is_said(heading: str, said: str) -> None:
    """In its section."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    assert said in section.replace("\n", " ")


def test_files_that_commands_name_are_there() -> None:
    """Those of the repository."""
    commands = "\n".join(block for heading in headings() for block in blocks(heading))
    named = set(re.findall(r"(?<![\w/])deploy/[\w./-]+", commands))
    assert named
    assert [] == sorted(name for name in named if not (REPO / name).exists())


@pytest.mark.parametrize("page", ["docs/install.md", "deploy/helm/otelchan/README.md"])
def test_helm_is_told_of_an_image(page: str) -> None:
    """There is none to pull, and the namespace must permit what the pods are: else no pod would ever start."""
    text = (REPO / page).read_text(encoding="utf-8").replace("\\\n", "")
    (before, command) = re.findall(r"^```\n([^`]*?)^(helm install .+)$", text, re.M)[0]
    assert "--set image.repository=" in command
    assert "kubectl label namespace otelchan pod-security.kubernetes.io/enforce=privileged\n" in before


def test_the_index_has_every_form() -> None:
    """Each folder of deploy/, and the file for Compose."""
    index = (REPO / "deploy/README.md").read_text(encoding="utf-8")
    forms = {f"`{path.name}/" for path in (REPO / "deploy").iterdir() if path.is_dir()} | {"`compose.yaml`"}
    assert [] == sorted(form for form in forms if form not in index)
