"""The hall: the only room that knows Dagster, with doors to every other.

Assets (`exec_assets`, `sparkwise_assets`, `mart_assets`, `roster_assets`, `budget.assets`, `report.assets`), what
carries a listing into a partition (`loading`, `staging`), settings and resources, partitions, checks, jobs, schedules
and sensors. What the UI shows of an asset is derived in `metadata`; when it is due stands in `clocks`, after what it
follows in `automation`. An asset's body calls rooms; it computes nothing itself. What is a matter of its own has an
alcove: `budget`, `sync`, `alerts`, `report`, `plots`, `upkeep`.
"""

import warnings

import dagster as dg

# `backfill_policy` is beta in Dagster. It is what makes a range one run, so it is used on purpose, on a locked version.
warnings.filterwarnings("ignore", message=".*backfill_policy.*", category=dg.BetaWarning)
# So are a check's partitions: by them the UI shows every day of a check.
warnings.filterwarnings("ignore", message=".*partitions_def on an AssetCheckSpec.*", category=dg.PreviewWarning)
