"""The house: Exec and Sparkwise in, lift, ranks and completion rates out.

Data enters by the door (`apis`), rests on the ground floor (`tables`) and is worked upstairs (`marts`); people are
synchronised in a side wing (`roster`), where HR is what is desired and Sparkwise what exists. The hall (`defs`) is the
only place with doors to every room and the only one that knows Dagster; `definitions` is its roof. The garden shed
(`sandbox`) plays both vendors and shares no wall with the house. Every error stands in `errors`.
This module exports nothing.

    definitions -> defs -> marts -> [ apis | tables | roster ] -> errors        (of the three, marts read tables alone)

Follow a row: `defs/exec_assets.py` -> `defs/loading.py` -> `defs/staging.py`, which brings `apis/exec_com.py` (items),
`tables/rows.py` (typed) and `tables/warehouse.py` (window) together; follow a mart: `defs/mart_assets.py` ->
`marts/lift.py`; follow a person: `defs/sensors.py` -> `defs/roster_assets.py` -> `defs/sync/run.py`, which goes through
`roster/diff.py`, `roster/plan.py` and `roster/apply.py`, with `defs/sync/user_sync.py` as adapters.
"""
