"""Faults, tested for real: crashes, full disks, databases that go away, leaders that die. ``docs/reliability.md``."""
