"""An executable of more than 100 MB: what its analysis takes of memory, and what is left of its time the next time."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelchan.gobinary import analysis
from otelchan.gobinary.imagecache import ImageCache
from otelchan.gobinary.imagecodec import pack
from otelchan.gobinary.types import GoImage
from tests.support.stack import binary

MOST_MB = 200
SERVERS = ("otelcol", "prometheus")  # 111 and 74 MB, the second with more generic code

_LARGEST_CHILD = """
import resource, sys
from otelchan.gobinary.analysis import analyse_cached
analyse_cached(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Nothing is known from another test, and nothing is left for one."""
    images, builds = dict(analysis._images), dict(analysis._builds)
    forget()
    yield
    analysis.keep_in(None)
    forget()
    analysis._images.update(images)
    analysis._builds.update(builds)


def forget() -> None:
    """As if this were another process."""
    analysis._images.clear()
    analysis._builds.clear()


def timed(path: Path) -> tuple[GoImage, float]:
    """The image, and the processor seconds that it took, the child's included."""
    began = processor_seconds()
    image = analysis.analyse_cached(path)
    return image, processor_seconds() - began


def processor_seconds() -> float:
    """Of this process and its children that have ended."""
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


@pytest.mark.parametrize("server", SERVERS)
def test_the_analysis_is_not_done_twice(server: str, tmp_path: Path) -> None:
    """From the disk it takes less than a fifth of the time, and is equal."""
    path = binary(server)
    if server == SERVERS[0]:
        assert path.stat().st_size > 100e6
    analysis.keep_in(tmp_path / "images")
    first, slow = timed(path)
    forget()
    again, quick = timed(path)

    assert pack(first) == pack(again)
    assert first.functions.at(first.functions.table.text) == again.functions.at(again.functions.table.text)
    assert quick < slow / 5, (quick, slow)


@pytest.mark.parametrize("server", SERVERS)
def test_the_analysis_stays_below_200_mb(server: str) -> None:
    """The largest child of an interpreter that has no other: the one that analyses."""
    done = subprocess.run([sys.executable, "-c", _LARGEST_CHILD, binary(server)], capture_output=True, check=True)
    assert 0 < int(done.stdout) / 1024 < MOST_MB


def test_a_known_build_at_another_path_needs_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk belongs to the contents, not to the file: a container has a copy of its own."""
    source, copy = binary(SERVERS[1]), tmp_path / "copy"
    analysis.keep_in(tmp_path / "images")
    first = analysis.analyse_cached(source)
    forget()
    copy.write_bytes(source.read_bytes())
    monkeypatch.setattr(analysis, "_CHILD", "raise ValueError('there is a child')")
    again = analysis.analyse_cached(copy)
    assert (str(copy), first.sites, first.make_sites) == (again.path, again.sites, again.make_sites)
    assert first.functions.at(first.functions.table.text) == again.functions.at(again.functions.table.text)


def test_what_does_not_fit_an_image_is_analysed_anew(tmp_path: Path) -> None:
    """A file in the cache that is whole but is no image, as after a mistake of ours, is as good as none."""
    path = binary(SERVERS[1])
    analysis.keep_in(tmp_path / "images")
    first = analysis.analyse_cached(path)
    (kept,) = (tmp_path / "images").iterdir()
    ImageCache(tmp_path / "images").store(kept.stem, b"\x93abc")
    forget()
    assert first.sites == analysis.analyse_cached(path).sites
