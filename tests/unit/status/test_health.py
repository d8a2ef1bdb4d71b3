"""Alive and ready: what is said of an agent by what its loop has told."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import Any

from otelchan import __version__
from otelchan.model.types import Overhead
from otelchan.status.health import Facts, Health, Watched
from otelchan.status.server import Page

ON = {"makes": "on", "waits": "on"}
SHOP = Watched(7, "/srv/shop", ON, attaching=False)


def said(page: Page) -> tuple[HTTPStatus, Any]:
    """Status and document."""
    assert "application/json" == page.kind
    return page.status, json.loads(page.body)


def test_an_agent_that_starts_is_alive_and_not_ready() -> None:
    """Its first look may take longer than a turn of the loop."""
    health = Health(alive_within_s=0.0)
    status, document = said(health.alive_page())
    assert (HTTPStatus.OK, "starting", __version__) == (status, document["status"], document["version"])
    status, document = said(health.ready_page())
    assert (HTTPStatus.SERVICE_UNAVAILABLE, ["the first look has not been published yet"]) == (
        status,
        document["reasons"],
    )


def test_a_loop_that_turns_is_alive_and_one_that_hangs_is_not() -> None:
    """By the time since its last turn; when it turns again, all is well again."""
    health = Health(alive_within_s=0.05)
    health.beat()
    health.tell(Facts((SHOP,), looked=True))
    assert (HTTPStatus.OK, "ok") == (health.alive_page().status, said(health.alive_page())[1]["status"])
    time.sleep(0.1)
    status, document = said(health.alive_page())
    assert (HTTPStatus.SERVICE_UNAVAILABLE, "stuck", 0.05) == (status, document["status"], document["limit_s"])
    assert document["last_turn_s"] >= 0.1
    assert HTTPStatus.SERVICE_UNAVAILABLE == health.ready_page().status
    health.beat()
    assert [HTTPStatus.OK, HTTPStatus.OK] == [health.alive_page().status, health.ready_page().status]


def test_what_is_not_done_yet_is_named() -> None:
    """Programs that wait to be opened, and those to which probes are being attached, by pid."""
    health = Health(30)
    trial = Watched(9, "/srv/cart", {"makes": "on", "waits": "off"}, attaching=True)
    health.tell(Facts((SHOP, trial), waiting=2, looked=True))
    status, document = said(health.ready_page())
    assert (HTTPStatus.SERVICE_UNAVAILABLE, False) == (status, document["ready"])
    assert ["2 programs were found and are not opened yet", "probes are being attached to 9"] == document["reasons"]
    assert (2, 2) == (document["targets"], document["waiting"])


def test_who_is_refused_does_not_hold_up_the_rest() -> None:
    """It is said with the reason."""
    health = Health(30)
    health.tell(Facts((SHOP,), refused={4: "pid 4: too old"}, looked=True))
    status, document = said(health.ready_page())
    assert (HTTPStatus.OK, True, []) == (status, document["ready"], document["reasons"])
    assert [{"pid": 7, "executable": "/srv/shop", "planes": ON}] == document["watched"]
    assert (1, [{"pid": 4, "reason": "pid 4: too old"}]) == (document["refused"], document["refused_because"])


def test_once_ready_it_stays_ready() -> None:
    """Programs that come later are not what anybody waits for at the start."""
    health = Health(30)
    health.tell(Facts(looked=True))
    assert health.ready
    health.tell(Facts((SHOP._replace(attaching=True),), waiting=1, looked=True))
    assert HTTPStatus.OK == health.ready_page().status


def test_an_answer_is_bounded() -> None:
    """However many programs there are: numbers are whole, lists are cut."""
    health = Health(30)
    many = tuple(Watched(pid, "/srv/x", ON, attaching=True) for pid in range(1, 251))
    health.tell(Facts(many, refused=dict.fromkeys(range(1000), "pid: no"), looked=True))
    _, document = said(health.ready_page())
    assert (250, 1000, 20, 20) == tuple(
        value if isinstance(value, int) else len(value)
        for value in (document[key] for key in ("targets", "refused", "watched", "refused_because"))
    )
    assert document["reasons"][0].endswith("19, 20 and 230 others")


def test_what_a_program_pays_is_said() -> None:
    """What its probes take, what is allowed, which planes are on trial, how many slices were taken."""
    health = Health(30)
    paid = Overhead(0.00412, 0.03, trials=("waits",), slices=7)
    health.tell(Facts((SHOP._replace(overhead=paid), SHOP._replace(overhead=Overhead(0.5, None))), looked=True))
    one, two = said(health.ready_page())[1]["watched"]
    assert ({"makes": "on", "waits": "trial"}, {"core_percent": 0.412, "allowed_percent": 3.0, "slices": 7}) == (
        one["planes"],
        one["overhead"],
    )
    assert {"core_percent": 50.0, "allowed_percent": None, "slices": 0} == two["overhead"]
