"""The engine against Luigi's own scheduler: the same calls, the same clock, the same answers."""
