"""Names that the user gives: how they are written, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.config import Config, Naming, load
from otelchan.config.load import problems, resolve
from otelchan.config.naming import Alias
from otelchan.config.text import as_document, effective
from otelchan.model.aliases import Rules
from otelchan.programs import rules_of
from tests.support.config import refused, written

GOOD = """\
naming:
  aliases:
    - {name: orders, site: 'queue.go:12'}
    - name: "the factory's own"
      function: 'example.com/q.(*Factory[...]).Make'
      element_type: '*main.Job'
  skip: ['example.com/q.New*']
"""
EXPECTED = Naming(
    aliases=(
        Alias("orders", site="queue.go:12"),
        Alias("the factory's own", function="example.com/q.(*Factory[...]).Make", element_type="*main.Job"),
    ),
    skip=("example.com/q.New*",),
)


def test_without_a_word_nothing_is_renamed() -> None:
    """And nobody is passed over but reflection, whose callers make its channels."""
    rules = rules_of(Config())

    assert ("", False, True) == (
        rules.alias("main.main main.go:1", "int"), rules.skips("main.main"), rules.skips("reflect.MakeChan")
    )  # fmt: skip


def test_aliases_and_functions_to_pass_over_are_lists(tmp_path: Path) -> None:
    """In the order of the file; the model is given the same."""
    config = load(written(tmp_path, GOOD), {}, {})
    rules = rules_of(config)

    assert EXPECTED == config.naming
    assert "orders" == rules.alias("main.main queue.go:12", "")
    assert "" == rules.alias("main.main main.go:1", "int")
    assert rules.skips("example.com/q.New[...]")
    assert rules == Rules(rules.aliases, rules.skip)


def test_a_variable_says_aliases_as_json_and_globs_with_commas() -> None:
    """As there are no lists in variables."""
    environ = {
        "OTELCHAN_NAMING_ALIASES": '[{"name": "orders", "site": "queue.go:12"}]',
        "OTELCHAN_NAMING_SKIP": "example.com/q.New*, main.make",
    }
    naming = load(None, environ, {}).naming

    assert Naming((Alias("orders", site="queue.go:12"),), ("example.com/q.New*", "main.make")) == naming


def test_what_is_printed_can_be_read_again(tmp_path: Path) -> None:
    """As YAML and as JSON; what is not given of an alias is not there."""
    loaded = resolve(written(tmp_path, GOOD), {}, {})
    (tmp_path / "again").mkdir()

    assert loaded.config == load(written(tmp_path / "again", effective(loaded)), {}, {})
    assert {"name": "orders", "site": "queue.go:12"} == as_document(loaded)["naming.aliases"]["value"][0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aliases: [{name: a}]", "naming.aliases[0]: no condition is given, but one of site, function, element_type"),
        ("aliases: [{name: a, site: null}]", "naming.aliases[0]: no condition is given"),
        ("aliases: [{site: a}]", "naming.aliases[0]: object missing required field `name`"),
        ("aliases: [{name: a, site: b}, {name: a, sit: b}]", "naming.aliases[1]: object contains unknown field `sit`"),
        ("aliases: [{name: '', site: b}]", "naming.aliases[0].name: expected `str` matching regex"),
        ("aliases: [{name: ' a', site: b}]", "naming.aliases[0].name: expected `str` matching regex"),
        ("aliases: [{name: a, site: 7}]", "naming.aliases[0].site: expected `str | null`, got `int`"),
        ("aliases: {name: a, site: b}", "naming.aliases is a mapping, but must be a list of mappings with name"),
        ("aliases: orders", "naming.aliases is 'orders', but must be a list of mappings"),
        ("aliases: [{name: a, site: b, name: c}]", "naming.aliases[0].name is there twice"),
        ("skip: q.New", "naming.skip is 'q.New', but must be a list of globs"),
        ("skip: [[a]]", "naming.skip[0]: expected `str`, got `array`"),
        ("skip: [1]", "naming.skip[0]: expected `str`, got `int`"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_in_the_list(tmp_path: Path, text: str, expected: str) -> None:
    """When it is checked and when it is used."""
    path = written(tmp_path, f"naming: {{{text}}}\n")
    (sentence,) = problems(path)

    assert sentence.startswith(f"{path}:1: {expected}")
    assert refused(path).startswith(f"{path}:1: {expected}")


def test_lists_have_an_end(tmp_path: Path) -> None:
    """Each entry is looked at for each channel."""
    path = written(tmp_path, "naming: {skip: [" + ", ".join(["a"] * 101) + "]}\n")

    assert "naming.skip is a list, but must be a list of globs" in refused(path)
