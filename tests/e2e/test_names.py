"""Names found in the code of programs that nobody here wrote, held against where their channels were made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.named import SERVERS, Server, by_code, figures, look_for, servers

LOAD_S = 9
LOOKS = 3
FEWEST_ALIVE = 40  # channels of one server


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """The three servers, looked at while they are under load."""
    with servers(tmp_path_factory.mktemp("names")) as (found, given):
        look_for(found, LOAD_S, LOOKS)
        assert given.failures == []
        yield found


@pytest.mark.parametrize("name", SERVERS)
def test_a_name_found_in_the_code_is_the_place_of_the_make(observed: list[Server], name: str) -> None:
    """Of every channel that is alive, whether somebody waits on it or not: the place is right, or is not told."""
    (server,) = [server for server in observed if server.name == name]
    judged = by_code(server)

    print(f"{name}: {judged.right} right, {len(judged.wrong)} wrong, of {len(server.looks[-1].made)} alive")
    assert judged.wrong == ()
    assert judged.right > 0
    assert len(server.looks[-1].made) >= FEWEST_ALIVE


@pytest.mark.parametrize("name", SERVERS)
def test_a_channel_older_than_the_agent_has_a_name_from_its_code_or_its_use(observed: list[Server], name: str) -> None:
    """From memory alone: every channel that somebody waits on has a name, some by their place, some by who waits."""
    (server,) = [server for server in observed if server.name == name]
    found = figures(server, server.looks[-1])

    print(f"{name}: channels {dict(found.channels)}, waits {dict(found.waits)}, {found.names} names")
    assert {"code", "use"} == set(found.channels)
    assert found.waits["code"] > 0
    assert len(server.looks[-1].census.channels) == found.channels.total()
