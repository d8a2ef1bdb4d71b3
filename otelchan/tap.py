"""Where something can stand between one watched program and whoever watches it, such as the recorder. Composition."""

from __future__ import annotations

from typing import Protocol

from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.memory.types import Reader
from otelchan.model.world import World


class Tap(Protocol):
    """Each method is given something and returns what is used in its place; nothing that its user sees may differ."""

    def session(self, session: Session) -> Session:
        """The kernel side, once."""
        ...

    def image(self, image: GoImage) -> GoImage:
        """The program's executable, after it was analysed."""
        ...

    def reader(self, reader: Reader) -> Reader:
        """The program's memory, after the self-check."""
        ...

    def world(self, world: World) -> World:
        """The model of the program, before it is fed."""
        ...


class NoTap:
    """Everything passes."""

    def session(self, session: Session) -> Session:
        """Itself."""
        return session

    def image(self, image: GoImage) -> GoImage:
        """Itself."""
        return image

    def reader(self, reader: Reader) -> Reader:
        """Itself."""
        return reader

    def world(self, world: World) -> World:
        """Itself."""
        return world
