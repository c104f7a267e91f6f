"""Tests of luigiviz; the folders mirror the package."""
