"""The extents of sites in real executables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import SiteKind
from tests.support.gobuild import SUPPORTED_GO
from tests.support.kinds import Kind
from tests.support.patched import BUILDS, built, named


@pytest.mark.parametrize("build", BUILDS, ids=named)
def test_every_site_is_in_its_own_extent_and_that_in_its_function(build: tuple[Kind, str]) -> None:
    """The instruction itself is executed together with itself, and nothing of another function is."""
    image = built(build)

    for site in image.sites:
        function = image.functions.find(site.function)
        assert function
        assert any(start <= site.address < end for start, end in site.extent), site
        assert all(function.entry <= start < end <= function.end for start, end in site.extent), site


@pytest.mark.parametrize("go", ["1.19.13", "1.21.13", *SUPPORTED_GO])
def test_the_beginning_of_an_operation_proves_no_site_that_can_be_avoided(
    workload: Callable[..., Path], go: str
) -> None:
    """A send or receive may return at its first look, so its entry is in no extent; a select or a close comes by."""
    image = analyse(workload("opcount", go=go))
    certain = {SiteKind.SELECT, SiteKind.CLOSE, SiteKind.MAKE}

    for site in image.sites:
        function = image.functions.find(site.function)
        assert function
        past_stack_check = function.entry + 16  # comparison, jump, push, setting of the frame pointer
        inside = any(start <= past_stack_check < end for start, end in site.extent)
        if site.function in ("runtime.chansend", "runtime.chanrecv") or site.kind in certain:
            assert inside is (site.kind in certain), site
