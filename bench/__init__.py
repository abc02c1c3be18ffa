"""The benchmark: `make bench` prints each figure next to its target, as ratios within one run where that is possible.

Everything runs on loopback, each measurement in a process of its own, so that none warms or burdens the next.
Who measures: `ingest` (rows per second, memory, latency, and the machine's own limits), `beside_dlt` (what people
would take otherwise), `overhead` (what Dagster costs around the fetching), `backfill` (a year of days through the
daemon), `history` (ten million rows, and by `growth` how time grows with them), `user_sync` (a large company) and
`requests_spent`. What they start: `pages` (the server), `bare_load`, `limits`, `dlt_load`, `asset_load`, `history_run`,
`ingest_run`, `whole_run` and `sync_run`, one process each.
"""
