"""The user sync's jobs. All but the first have a config of their own: nobody has to know which step reads it."""

import dagster as dg
from pydantic import Field

from exec_orchestration.defs.sync.explanation import explain

SYNC = ["hr_roster", "sparkwise_users", "user_sync_plan", "user_sync_outcome"]
WITHOUT_ROSTER = ["sparkwise_users", "user_sync_plan", "user_sync_outcome"]


class RaisedLimits(dg.Config):
    """Limits for one run instead of the settings; the hard ones (30 %) stay."""

    max_deactivations: int | None = None
    max_deactivation_share: float | None = None


class ApprovalConfig(dg.Config):
    """Which held changes are approved."""

    plan_fingerprint: str = Field(description="As the check within_limits of user_sync_plan prints it.")
    raise_limits: RaisedLimits = Field(default=RaisedLimits(), description="For what is not among the approved.")


class UndoConfig(dg.Config):
    """Which plan is taken back."""

    plan_id: str = Field(description="As it stands in user_sync_plan and user_sync_outcome.")
    plan_fingerprint: str = Field(default="", description="To approve what this undoing held back before.")
    raise_limits: RaisedLimits = Field(default=RaisedLimits(), description="For taking back many creations.")


@dg.config_mapping
def approval(config: ApprovalConfig) -> dict[str, object]:
    """The approval as the step reads it."""
    return _for_the_sync(approve=config.plan_fingerprint, limits=config.raise_limits)


@dg.config_mapping
def undoing(config: UndoConfig) -> dict[str, object]:
    """The undoing as the step reads it."""
    return _for_the_sync(undo=config.plan_id, approve=config.plan_fingerprint, limits=config.raise_limits)


def _for_the_sync(*, limits: RaisedLimits, **asked: str) -> dict[str, object]:
    raised = {name: value for name, value in limits.model_dump().items() if value is not None}
    return {"ops": {"plan_and_send": {"config": {**asked, **raised}}}}


user_sync = dg.define_asset_job(
    "user_sync",
    selection=SYNC,
    description="HR's roster against Sparkwise's accounts: plan, and send what is within the limits.",
)

user_sync_apply = dg.define_asset_job(
    "user_sync_apply",
    selection=SYNC,
    config=approval,
    description="Approves what a plan holds back, by its fingerprint: everything is compared anew, and sent only if "
    "the same changes are still held back.",
)

user_sync_undo = dg.define_asset_job(
    "user_sync_undo",
    selection=WITHOUT_ROSTER,
    config=undoing,
    description="Takes back what a plan has done, as far as nobody has changed it since, within the same limits.",
)


@dg.job(
    description="All that is known of one person and what follows from it; with `apply`, a sync of that person alone.",
)
def user_sync_explain() -> None:
    """One person, explained."""
    explain()


SYNC_JOBS = (user_sync, user_sync_apply, user_sync_undo, user_sync_explain)
