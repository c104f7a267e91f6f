"""luigiviz: a drop-in central scheduler and web UI for Luigi pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luigiviz.version import __version__

if TYPE_CHECKING:
    from flask import Flask

    from luigiviz.config import Settings

__all__ = ["__version__", "create_app"]


def create_app(settings: Settings | None = None) -> Flask:
    """Make the WSGI application; without ``settings`` they are read from Luigi's configuration files.

    SIGTERM ends the process in an orderly way from then on, unless somebody else handles it.
    Flask is imported here and not at the top, so that ``luigiviz.engine`` can be used without it.

    Raises:
        SettingsError: The configuration has a value that cannot be used.
    """
    from luigiviz.app import create_app as create
    from luigiviz.server import exit_at_sigterm

    app = create(settings)
    exit_at_sigterm()
    return app
