"""The demo: a server and real Luigi workers that run the nightly pipeline of a made-up web shop.

It imports nothing else of luigiviz: the server is a process of its own, and the workers are unmodified Luigi.
"""

from __future__ import annotations

from luigiviz.demo.show import run

__all__ = ["run"]
