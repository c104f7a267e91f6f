"""Typed settings, read from the files that luigid reads, the environment and the command line."""

from __future__ import annotations

from luigiviz.config.errors import SettingsError
from luigiviz.config.loading import load_settings
from luigiviz.config.settings import CorsSettings, PrometheusSettings, Settings

__all__ = ["CorsSettings", "PrometheusSettings", "Settings", "SettingsError", "load_settings"]
