"""Where panels are, what they are called, and that the files are those of the generator."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from dashboards.generator import links
from dashboards.generator.boards.__main__ import files
from tests.support.dashboards import FOLDER, SHIPPED, Json, changed, offenders, panel, sample, shown

WIDTH = 24
MOST_PANELS = 16


def wrong_ids(board: Json) -> list[str]:
    """Every panel and row has a number of its own, from 1 on: links to a panel name it."""
    found = [p["id"] for p in (*board["panels"], *(q for p in board["panels"] for q in p.get("panels", [])))]
    return [] if sorted(found) == list(range(1, len(found) + 1)) else [f"ids are {found}"]


def wrong_places(board: Json) -> list[str]:
    """Panels fill lines of 24 columns from the top, without a hole between them, and none lies on another."""
    taken: dict[tuple[int, int], int] = {}
    found = []
    for each in board["panels"]:
        place = each["gridPos"]
        if place["x"] + place["w"] > WIDTH or min(place.values()) < 0 or place["w"] < 1 or place["h"] < 1:
            found.append(f"{each['id']} is outside: {place}")
        for cell in (
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ):
            if cell in taken:
                found.append(f"{each['id']} lies on {taken[cell]}")
                break
            taken[cell] = each["id"]
    lines = range(1 + max(y for _, y in taken))
    holes = [(x, y) for y in lines for x in range(WIDTH) if (x, y) not in taken]
    return found + ([f"nothing is at column {holes[0][0]} of line {holes[0][1]}"] if holes else [])


def wrong_order(board: Json) -> list[str]:
    """Panels come as they are read: row by row, as narrow screens show them."""
    places = [(p["gridPos"]["y"], p["gridPos"]["x"]) for p in board["panels"]]
    return [f"{after} comes after {before}" for before, after in pairwise(places) if after < before]


def wrong_titles(board: Json) -> list[str]:
    """No two panels and no two rows are called alike, so that one can say which is meant."""
    found = []
    for some in ([p["title"] for p in shown(board)], [p["title"] for p in board["panels"] if p["type"] == "row"]):
        found += sorted({title for title in some if some.count(title) > 1})
    return found


def wrong_letters(board: Json) -> list[str]:
    """The queries of a panel have names of their own: transformations and Grafana's editor mean them by it."""
    letters = [(p["title"], [t.get("refId", "") for t in p.get("targets", [])]) for p in shown(board)]
    return [f"{title}: {some}" for title, some in letters if len(set(some)) < len(some) or "" in some]


def wrong_size(board: Json) -> list[str]:
    """Not a wall of panels, and not one either."""
    return [] if 1 <= len(shown(board)) <= MOST_PANELS else [f"{len(shown(board))} panels"]


def wrong_head(board: Json) -> list[str]:
    """What every dashboard has alike: so that they are found, refresh, and hold from Grafana 11 on."""
    wanted = {"refresh": "30s", "graphTooltip": 1, "timezone": "browser", "editable": False, "schemaVersion": 39}
    found = [f"{key} is {board.get(key)!r}" for key, value in wanted.items() if board.get(key) != value]
    found += [] if "otelchan" in board["tags"] else ["has not the tag otelchan"]
    found += [] if re.fullmatch(r"otelchan / [A-Z].+", board["title"]) else [f"title is {board['title']!r}"]
    found += [] if board["description"].endswith((".", "?")) else ["says nothing"]
    found += [f"{key} is there" for key in ("id", "gnetId", "iteration", "__inputs", "__requires") if key in board]
    names = [variable["name"] for variable in board["templating"]["list"]]
    found += [f"several variables {name}" for name in {name for name in names if names.count(name) > 1}]
    return found


def place(kind: str, **wrong: int) -> Callable[[Json], object]:
    return lambda board: panel(board, kind)["gridPos"].update(wrong)


BROKEN: list[tuple[Callable[[Json], list[str]], Callable[[Json], object], str]] = [
    (wrong_ids, lambda board: panel(board, "stat").update(id=1), "ids are [1, 2, 1, 4"),
    (wrong_ids, lambda board: board["panels"].pop(0), "ids are [2, 3"),
    (wrong_places, place("timeseries", w=7), "3 lies on 2"),
    (wrong_places, place("timeseries", w=5), "nothing is at column 5 of line 1"),
    (wrong_places, place("table", x=20), "is outside"),
    (wrong_places, place("nodeGraph", y=30), "nothing is at"),
    (wrong_order, lambda board: board["panels"].reverse(), "comes after"),
    (wrong_titles, lambda board: panel(board, "stat").update(title="Lines"), "Lines"),
    (wrong_titles, lambda board: board["panels"][0].update(title="Second"), "Second"),
    (wrong_letters, lambda board: panel(board, "nodeGraph")["targets"][1].update(refId="nodes"), "['nodes', 'nodes']"),
    (wrong_size, lambda board: board["panels"].extend([panel(board, "stat")] * MOST_PANELS), "24 panels"),
    (wrong_head, lambda board: board.update(refresh="5s"), "refresh is '5s'"),
    (wrong_head, lambda board: board.update(tags=[]), "has not the tag"),
    (wrong_head, lambda board: board.update(id=7), "id is there"),
    (wrong_head, lambda board: board.update(title="Lag"), "title is 'Lag'"),
    (wrong_head, lambda board: board["templating"]["list"].append(board["templating"]["list"][0]), "several variables"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BROKEN))


@pytest.mark.parametrize(("rule", "change", "words"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_out_of_place_is_found(
    rule: Callable[[Json], list[str]], change: Callable[[Json], object], words: str
) -> None:
    """Each rule finds what breaks it."""
    assert words in " ".join(rule(changed(change)))


@pytest.mark.parametrize("rule", RULES)
def test_every_dashboard_is_in_order(rule: Callable[[Json], list[str]]) -> None:
    """So is the sample that is broken above."""
    assert [] == rule(sample())
    assert {} == offenders(rule)


def test_the_files_are_what_the_generator_writes() -> None:
    """`make dashboards` writes them again; there is no other one, and none more."""
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert sorted(files()) == sorted(there)
    assert [] == [name for name, text in files().items() if there[name] != text], "run `make dashboards`"


def test_the_files_are_the_same_each_time() -> None:
    """Nothing in them depends on the order of a set or on the time."""
    assert dict(files()) == dict(files())


def test_every_dashboard_has_the_uid_that_links_to_it() -> None:
    """A constant of the generator: alerts and provisioned folders know them. Grafana takes 40 characters."""
    assert {f"otelchan-{name}" for name in SHIPPED} == set(links.DASHBOARDS)
    assert {name: f"otelchan-{name}" for name in SHIPPED} == {name: board["uid"] for name, board in SHIPPED.items()}
    assert [] == [uid for uid in links.DASHBOARDS if not re.fullmatch(r"[a-z-]{1,40}", uid)]
    assert len({board["title"] for board in SHIPPED.values()}) == len(SHIPPED)
