"""Benchmarks of the engine alone, without HTTP: how the cost of each call grows with the number of tasks."""
