"""The benchmark: `make bench` prints each figure next to its target, as ratios within one run where that is possible.

Everything runs on loopback, each measurement in a process of its own, so that none warms or burdens the next.
Who measures: `ingest` (rows per second, memory, latency), `overhead` (what Dagster costs around the fetching) and
`user_sync` (a large company). What they start: `pages` (the server), `bare_load`, `asset_load`, `whole_run` and
`sync_run`, one process each.
"""
