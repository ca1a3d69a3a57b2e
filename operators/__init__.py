"""What an artist can do: one file a deed."""

from __future__ import annotations

from .scene import live, models, session


def register() -> None:
    """Called by the front door."""
    session.open_session()


def unregister() -> None:
    """The reverse: the backend's process ends."""
    live.forget()
    session.close_session()
    models.forget()
