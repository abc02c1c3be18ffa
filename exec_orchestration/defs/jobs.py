"""Jobs: what is launched by name, by a schedule or by a person."""

import dagster as dg

from exec_orchestration.defs.budget.lanes import WITH_MARTS_TAG

daily_refresh = dg.define_asset_job(
    "daily_refresh",
    selection=dg.AssetSelection.groups("exec", "sparkwise", "analytics"),
    description="Everything of one day, or of a range of days: both vendors' listings, then the marts on top.",
    tags={WITH_MARTS_TAG: "true"},
)
