"""Tests of luigiviz.config."""
