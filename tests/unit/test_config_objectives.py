"""Latency objectives in the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from otelchan.config import Config, Objective, load
from otelchan.config.load import problems, resolve
from otelchan.config.reload import changes, with_settings
from otelchan.config.schema import schema
from otelchan.config.text import as_document, defaults, effective
from tests.support.config import refused, written

SCHEMA = Draft202012Validator(schema())
TEXT = """\
objectives:
  - channel: '*queue.go:12'
    objective_ms: 250
  - channel: orders
    element_type: '*main.Order'
    operation: both
    hits: 5.0
"""
RULES = (
    Objective(channel="*queue.go:12", objective_ms=250),
    Objective(channel="orders", element_type="*main.Order", operation="both", hits=5),
)


def test_objectives_are_a_list_of_rules_in_the_order_of_the_file(tmp_path: Path) -> None:
    """With defaults for what is not given; without any there are none."""
    assert RULES == load(written(tmp_path, TEXT), {}, {}).objectives
    assert () == Config().objectives == load(written(tmp_path, defaults()), {}, {}).objectives


def test_the_defaults_are_those_of_a_slow_queue() -> None:
    """P99.9 under 800 ms; 30 s by 100 ms and 5 min by 1 s; three hits, 120 ms per minute, 60 s, and 10 s to close."""
    rule = Objective(channel="*")

    assert (800, 0.999, 30, 100, 300, 1) == (
        *(rule.objective_ms, rule.quantile, rule.short_window_s, rule.short_step_ms, rule.long_window_s),
        rule.long_step_s,
    )
    assert (3, 120, 60, 100) == (rule.hits, rule.rise_ms_per_minute, rule.cool_down_s, rule.close_steps)
    assert (("send",), ("send", "recv")) == (rule.operations, Objective(channel="*", operation="both").operations)


def test_a_variable_says_objectives_as_json() -> None:
    """With the same meaning."""
    text = '[{"channel": "*queue.go:12", "objective_ms": 250}]'

    assert RULES[:1] == load(None, {"OTELCHAN_OBJECTIVES": text}, {}).objectives


def test_objectives_in_effect_are_shown_and_can_be_read_again(tmp_path: Path) -> None:
    """What is printed is a configuration file that says the same."""
    loaded = resolve(written(tmp_path, TEXT), {}, {})

    assert "*queue.go:12" == as_document(loaded)["objectives"]["value"][0]["channel"]
    assert RULES == load(written(tmp_path, effective(loaded)), {}, {}).objectives


def test_objectives_can_be_changed_in_a_running_agent() -> None:
    """A reload takes them over."""
    wanted = Config(objectives=RULES)

    assert ["objectives"] == [leaf.key for leaf in changes(Config(), wanted) if leaf.reload]
    assert wanted == with_settings(Config(), wanted, ["objectives"])


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({}, "objectives[0]: object missing required field `channel`"),
        ({"channel": ""}, "objectives[0].channel: expected `str` matching regex"),
        ({"channel": "*", "objective": 5}, "objectives[0]: object contains unknown field `objective`"),
        ({"channel": "*", "operation": "close"}, "objectives[0].operation: invalid enum value 'close'"),
        ({"channel": "*", "objective_ms": 0}, "objectives[0].objective_ms: expected `float` >= 0.01"),
        ({"channel": "*", "quantile": 1}, "objectives[0].quantile: expected `float` <= 0.9999"),
        ({"channel": "*", "short_step_ms": 50}, "objectives[0].short_step_ms: expected `float` >= 100.0"),
        ({"channel": "*", "hits": 2.5}, "objectives[0].hits: expected `int`, got `float`"),
        ("*", "objectives[0]: expected `object`, got `str`"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_its_number(tmp_path: Path, rule: Any, sentence: str) -> None:
    """By the loader in a sentence, and by the schema."""
    path = written(tmp_path, yaml.safe_dump({"objectives": [rule]}))

    assert sentence in refused(path)
    assert 1 == len(problems(path))
    assert not SCHEMA.is_valid({"objectives": [rule]})


def test_the_schema_takes_what_the_loader_takes(tmp_path: Path) -> None:
    """Also a whole number that is written with a point."""
    assert SCHEMA.is_valid(yaml.safe_load(TEXT))
    assert [] == problems(written(tmp_path, TEXT))
