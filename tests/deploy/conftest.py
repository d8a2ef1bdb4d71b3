"""Fixtures of the deployment tests: the image, and containers of it. Tests that use them need the marker `kernel`."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.support import image as images
from tests.support import require_kernel, runc


@pytest.fixture(scope="session")
def image() -> images.Built:
    """The image of this tree, unpacked: `container(image, "run", "--all", caps=..., pid="host")`."""
    if os.geteuid() != 0:
        require_kernel("building an image without a registry needs root")
    return images.built()


@pytest.fixture(scope="session")
def container() -> Callable[..., AbstractContextManager[runc.Container]]:
    """`container(image, *arguments, caps=..., pid=...)`: tests.support.runc.container, where containers can run."""
    if os.geteuid() != 0:
        require_kernel("containers need root")
    return runc.container
