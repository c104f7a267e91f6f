"""``python -m luigiviz``: the same as the ``luigiviz`` command."""

from __future__ import annotations

from luigiviz.cli import main

if __name__ == "__main__":
    main()
