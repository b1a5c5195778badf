"""`python -m dreamvid`: the command line."""

from __future__ import annotations

from dreamvid.cli.main import main

if __name__ == "__main__":
    main()
