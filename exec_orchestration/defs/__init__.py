"""The hall: the only room that knows Dagster, with doors to every other.

Assets (`exec_assets`, `sparkwise_assets`, `mart_assets`), what carries a listing into a partition (`loading`), settings
and resources, partitions, checks, jobs and schedules. An asset's body calls rooms; it computes nothing itself.
"""
