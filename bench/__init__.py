"""Benchmarks of luigiviz beside luigid, on the same machine and the same calls."""
