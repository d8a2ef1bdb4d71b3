"""Where the agent may listen: on loopback only, unless somebody says that he means it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from otelchan.config.load import load, problems
from otelchan.config.schema import schema
from otelchan.errors import UsageError
from tests.support.config import written

SCHEMA = Draft202012Validator(schema())
LOOPBACK = ["127.0.0.1:9464", "localhost:1", "127.255.0.3:65535", "[::1]:9464"]
OTHERS = ["0.0.0.0:9464", "[::]:9464", "10.0.0.1:80", "128.0.0.1:80", "[::ffff:1]:80", "[fe80::1]:80"]
NONE = ["9464", ":9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0:1", "256.0.0.1:1", "node:1", "::1:9",
        "localhost.example.com:1", "127.0.0.1:9464/", "http://127.0.0.1:9464", "", "127.0.0.1.nip.io:1"]  # fmt: skip


def test_nothing_listens_unless_asked_for() -> None:
    """Off by default, and by the word."""
    assert (None, False) == (load(None, {}, {}).status.listen, load(None, {}, {}).status.anywhere)
    assert load(None, {"OTELCHAN_STATUS_LISTEN": "off"}, {}).status.listen is None


@pytest.mark.parametrize("address", LOOPBACK)
def test_a_loopback_address_is_taken(tmp_path: Path, address: str) -> None:
    """From a flag, a variable and a file."""
    text = f"status: {{listen: '{address}'}}"
    assert [address] * 3 == [
        load(None, {}, {"status.listen": address}).status.listen,
        load(None, {"OTELCHAN_STATUS_LISTEN": address}, {}).status.listen,
        load(written(tmp_path, text), {}, {}).status.listen,
    ]
    assert SCHEMA.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("address", OTHERS)
def test_an_address_that_others_reach_must_be_meant(tmp_path: Path, address: str) -> None:
    """It is refused, with both ways out, by the loader, the validation and the schema; with `anywhere` it is taken."""
    text = f"status:\n  listen: '{address}'\n"
    with pytest.raises(UsageError) as refused:
        load(None, {}, {"status.listen": address})
    sentence = (
        f"status.listen is '{address}', which is no loopback address, so others could reach it; give one such as "
        "127.0.0.1:9464, or set status.anywhere to true"
    )
    assert f"flag --status-listen: {sentence}" == str(refused.value)
    path = written(tmp_path, text)
    assert [f"{path}:2: {sentence}"] == problems(path)
    assert not SCHEMA.is_valid(yaml.safe_load(text))
    meant = text + "  anywhere: true\n"
    assert address == load(written(tmp_path, meant), {}, {}).status.listen
    assert SCHEMA.is_valid(yaml.safe_load(meant))


@pytest.mark.parametrize("address", NONE)
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    """Also where any address may be given: no names but one, a port always."""
    document = {"status": {"listen": address, "anywhere": True}}
    with pytest.raises(UsageError, match="but must be off, or a loopback address with a port"):
        load(written(tmp_path, yaml.safe_dump(document)), {}, {})
    assert not SCHEMA.is_valid(document)
