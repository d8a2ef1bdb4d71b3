"""Rules for processes in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.config import Config, load
from otelchan.config.load import problems, resolve
from otelchan.config.text import as_document, defaults, effective
from otelchan.errors import UsageError
from otelchan.programs import targets_of
from otelchan.target.selection import Rule, Selection

TEXT = """\
targets:
  - exe: /srv/shop
    service_name: front
  - container: 12ab
    cgroup: /kubepods/*
    exclude: true
  - namespace: shop-*
    pod: cart-*
    container_name: cart
    include: true
"""
RULES = (
    Rule(exe="/srv/shop", service_name="front"),
    Rule(container="12ab", cgroup="/kubepods/*", exclude=True),
    Rule(namespace="shop-*", pod="cart-*", container_name="cart"),
)


def written(tmp_path: Path, text: str) -> str:
    """The path of a file with that text."""
    path = tmp_path / "otelchan.yaml"
    path.write_text(text)
    return str(path)


def test_rules_are_a_list_and_come_to_what_was_asked_for(tmp_path: Path) -> None:
    """In the order of the file, beside what the command line says."""
    asked = Selection(all=True, exclude=("job",))

    assert Selection(all=True, exclude=("job",), rules=RULES) == targets_of(
        asked, load(written(tmp_path, TEXT), {}, {})
    )
    assert asked == targets_of(asked, Config())


def test_a_variable_says_rules_as_json() -> None:
    """With the same meaning."""
    text = '[{"exe": "/srv/shop", "service_name": "front"}]'

    assert RULES[:1] == targets_of(Selection(all=True), load(None, {"OTELCHAN_TARGETS": text}, {})).rules


def test_rules_in_effect_are_shown_and_can_be_read_again(tmp_path: Path) -> None:
    """What is printed is a configuration file that says the same."""
    loaded = resolve(written(tmp_path, TEXT), {}, {})

    assert {"exe": "/srv/shop", "service_name": "front"} == as_document(loaded)["targets"]["value"][0]
    assert load(written(tmp_path, effective(loaded)), {}, {}).targets == loaded.config.targets
    assert load(written(tmp_path, defaults()), {}, {}).targets == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[{exclude: true}]", "targets[0]: no condition is given, but one of exe, container, cgroup, namespace, pod, "),
        ("[{exe: a}]", "targets[0]: either exclude must be true, or include be true or service_name be"),
        ("[{exe: a, exclude: true, service_name: b}]", "targets[0]: either exclude must be true, or include"),
        ("[{pod: a, exclude: true, include: true}]", "targets[0]: either exclude must be true, or include"),
        ("[{container: xyz, exclude: true}]", "targets[0].container: expected `str` matching regex"),
        ("[{exe: a, exclude: true}, {ex: b, exclude: true}]", "targets[1]: object contains unknown field `ex`"),
        (
            "{exe: a, exclude: true}",
            "targets is a mapping, but must be a list of mappings with exe, container, cgroup, namespace, pod or ",
        ),
    ],
)
def test_a_rule_that_says_nothing_or_two_things_is_an_error(tmp_path: Path, text: str, sentence: str) -> None:
    """With the number of the rule."""
    path = written(tmp_path, f"targets: {text}\n")

    (problem,) = problems(path)
    assert problem.startswith(f"{path}:1: {sentence}")
    with pytest.raises(UsageError, match="targets"):
        load(path, {}, {})
