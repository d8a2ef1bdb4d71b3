"""The extents of sites in real executables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import SiteKind
from tests.support.gobuild import SUPPORTED_GO


@pytest.mark.parametrize("stripped", [False, True])
@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_every_site_is_in_its_own_extent_and_that_in_its_function(
    workload: Callable[..., Path], go: str, stripped: bool
) -> None:
    """The instruction itself is executed together with itself, and nothing of another function is."""
    image = analyse(workload("opcount", go=go, stripped=stripped))

    for site in image.sites:
        function = image.functions.find(site.function)
        assert function
        assert any(start <= site.address < end for start, end in site.extent), site
        assert all(function.entry <= start < end <= function.end for start, end in site.extent), site


@pytest.mark.parametrize("go", SUPPORTED_GO)
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
