"""Dagster's daemon by its own command line, but for one figure: it looks at backfills every second, not every thirty.

Dagster has no setting for it. Without this, nine tenths of a case of `test_daemon_kills` are waiting.
"""

import dagster._daemon.controller as controller
from dagster._daemon.cli import main

if __name__ == "__main__":
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1
    main()
