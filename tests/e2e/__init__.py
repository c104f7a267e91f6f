"""Real ``luigi`` processes against a real server, over HTTP."""
