"""Which processes are meant, by what was asked for and by the rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otelchan.target.selection import Rule, Selection, matches
from otelchan.target.types import Process


def process(executable: str, pid: int = 4711, container: str = "", *cgroups: str, name: str = "") -> Process:
    """A process that has nothing else of interest."""
    return Process(pid, 500, 0, executable, (1, 2), f"/proc/{pid}/exe", (), name, container, 0, cgroups)


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("shop", "/srv/bin/shop", True),
        ("sh?p", "/srv/bin/shop", True),
        ("shop", "/srv/shop/api", False),
        ("/srv/*", "/srv/bin/shop", True),
        ("/srv/shop", "/srv/bin/shop", False),
        ("*/bin/shop", "/srv/bin/shop", True),
    ],
)
def test_a_glob_means_the_name_or_with_a_slash_the_whole_path(glob: str, path: str, expected: bool) -> None:
    """As everywhere in otelchan."""
    assert expected == matches(path, glob)


def test_named_processes_are_meant_whatever_the_rules_exclude() -> None:
    """Who names a process means it."""
    selection = Selection(pids=(4711,), rules=(Rule(exe="shop", exclude=True),))

    assert selection.wants(process("/srv/shop"))
    assert not selection.wants(process("/srv/shop", 4712))


def test_of_those_that_are_found_only_the_included_are_meant_and_not_the_excluded() -> None:
    """Both are globs on the executable; what is excluded stays so."""
    selection = Selection(all=True, include=("/srv/*", "tool"), exclude=("*-test",))
    paths = ["/srv/api", "/srv/api-test", "/opt/api", "/opt/tool"]

    assert ["/srv/api", "/opt/tool"] == [path for path in paths if selection.wants(process(path))]


def test_several_globs_mean_whatever_fits_one_of_them() -> None:
    """`--exe` may be repeated."""
    selection = Selection(exe=("api-*", "/srv/*"))
    paths = ["/opt/api-1", "/srv/job", "/opt/job"]

    assert ["/opt/api-1", "/srv/job"] == [path for path in paths if selection.wants(process(path))]


def test_the_first_rule_that_fits_decides() -> None:
    """The others are not looked at."""
    rules = (
        Rule(exe="/srv/special", service_name="special"),
        Rule(exe="/srv/*", exclude=True),
        Rule(exe="/srv/kept", service_name="never"),
    )
    selection = Selection(all=True, rules=rules)

    assert selection.wants(process("/srv/special"))
    assert not selection.wants(process("/srv/kept"))
    assert selection.wants(process("/opt/other"))


def test_a_rule_fits_when_all_of_its_conditions_do() -> None:
    """Executable, container by the beginning of its id, and control group as a glob."""
    rule = Rule(exe="/srv/*", container="12ab", cgroup="/kubepods/*")
    inside = ("12ab34", "/kubepods/pod7/12ab34")

    assert rule.fits(process("/srv/api", 1, *inside))
    assert not rule.fits(process("/opt/api", 1, *inside))
    assert not rule.fits(process("/srv/api", 1, "34ab", inside[1]))
    assert not rule.fits(process("/srv/api", 1, "12ab34", "/system.slice"))
    assert rule.fits(process("/srv/api", 1, "12ab34", "/system.slice", "/kubepods/pod7"))


def test_a_rule_fits_by_names_of_kubernetes_where_they_are_known() -> None:
    """Globs of the namespace, the pod and the container; nobody fits whose name is not known."""
    cart = replace(process("/srv/api"), namespace="shop-eu", pod_name="cart-0", container_name="main")

    assert Rule(namespace="shop-*", pod="cart-?", container_name="main").fits(cart)
    assert not Rule(namespace="shop").fits(cart)
    assert not Rule(pod="*", container_name="side").fits(cart)
    assert not Rule(namespace="*").fits(process("/srv/api"))


def test_one_namespace_alone_is_two_rules() -> None:
    """The first that fits decides, so the second is for all others."""
    selection = Selection(all=True, rules=(Rule(namespace="shop"), Rule(exe="*", exclude=True)))
    shop = replace(process("/srv/api"), namespace="shop")

    assert [True, False] == [selection.wants(shop), selection.wants(process("/srv/api"))]


def test_a_rule_names_a_process_before_the_process_itself() -> None:
    """Also one that was given by its id; without such a rule its own name stays."""
    selection = Selection(pids=(4711,), rules=(Rule(exe="shop", service_name="front"),))

    assert selection.named(process("/srv/shop", name="own")).service_name == "front"
    assert selection.named(process("/srv/api", name="own")).service_name == "own"


def test_it_says_itself_as_it_was_asked_for() -> None:
    """For messages."""
    narrowed = Selection(exe=("a", "b"), include=("c",), exclude=("d",))

    assert str(Selection(pids=(1, 2))) == "1 2"
    assert str(narrowed) == "--exe a --exe b --include c --exclude d"
    assert str(Selection(all=True)) == "--all"
