"""What the running app offers its views: the service, the settings, the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

if TYPE_CHECKING:
    from luigiviz.config import Settings
    from luigiviz.service import Service
    from luigiviz.store.history import History


def get_service() -> Service:
    """The one door to the scheduler."""
    service: Service = current_app.extensions["luigiviz"].service
    return service


def get_settings() -> Settings:
    """The settings that the app was made with."""
    settings: Settings = current_app.extensions["luigiviz"].settings
    return settings


def get_history() -> History | None:
    """The record of past runs; None if it is off."""
    history: History | None = current_app.extensions["luigiviz"].history
    return history
