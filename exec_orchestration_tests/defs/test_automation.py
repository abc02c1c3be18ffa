"""What follows by itself: marts after the days that changed, once, and nothing after what did not change."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.definitions.automation_tick_evaluation_context import AutomationTickEvaluationContext
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from exec_orchestration.definitions import defs
from exec_orchestration.defs.automation import (
    FOLLOWING_GROUPS,
    WHY_TAG,
    follow_all,
    follow_the_day,
    marts_follow_sensor,
)
from exec_orchestration.defs.budget.lanes import LANE_TAG
from exec_orchestration.defs.partitions import DAILY, ONE_RUN
from exec_orchestration_tests.defs.conftest import House

DAY, NEXT, LAST = "2026-01-20", "2026-01-21", "2026-02-18"
RAW = "exec_participant_analytics"
OF_THE_DAY = {"scenario_lift": {DAY}, "rank_distribution": {DAY}}
OF_ALL_DAYS: dict[str, set[str | None]] = {
    name: {None} for name in ("learner_lift", "learner_scorecard", "department_scorecard", "learning_report")
}
FOLLOWING = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs() if spec.automation_condition}
RUN_TAGS = marts_follow_sensor.run_tags
Asked = dict[str, set[str | None]]


class Daemon:
    """Dagster's daemon as far as it evaluates `marts_follow_sensor`, over a house."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        definitions: dg.Definitions = defs,
        selection: dg.AssetSelection = marts_follow_sensor.asset_selection,
    ) -> None:
        self.instance = instance
        self.graph = definitions.resolve_asset_graph()
        self.selection = selection
        self.cursor = AssetDaemonCursor.empty()
        self.requests: list[dg.RunRequest] = []
        assert self.tick() == {}, "what was there before it was turned on is not asked for"

    def tick(self) -> Asked:
        """What one tick asks for: partitions by asset; None stands for an asset without any."""
        context = AutomationTickEvaluationContext(
            evaluation_id=self.cursor.evaluation_id + 1,
            instance=self.instance,
            asset_graph=self.graph,
            cursor=self.cursor,
            materialize_run_tags=marts_follow_sensor.run_tags,
            observe_run_tags={},
            auto_observe_asset_keys=set(),
            asset_selection=self.selection,
            asset_job_keys=set(),
            emit_backfills=marts_follow_sensor.emit_backfills,
            default_condition=None,
            logger=logging.getLogger("dagster.test"),
        )
        requests, self.cursor, _ = context.evaluate()
        self.requests = list(requests)
        return merged(self._asked(request) for request in self.requests)

    def _asked(self, request: dg.RunRequest) -> Asked:
        if request.asset_graph_subset is None:
            days = {request.partition_key}
            return {key.to_user_string(): set(days) for key in request.asset_selection or ()}
        subset = request.asset_graph_subset
        daily = {
            key.to_user_string(): set(days.get_partition_keys())
            for key, days in subset.partitions_subsets_by_asset_key.items()
        }
        return {**daily, **{key.to_user_string(): {None} for key in subset.non_partitioned_asset_keys}}


class Followed(Daemon):
    """The same over a house, which carries out what is asked for."""

    def __init__(self, house: House) -> None:
        # Before the very first event Dagster does not know the tags of runs.
        house.instance.report_runless_asset_event(dg.AssetMaterialization("request_budget"))
        super().__init__(house.instance)
        self.house = house

    def run(
        self,
        *names: str,
        first: str | None = None,
        last: str | None = None,
        tags: Mapping[str, str] | None = None,
        **settings: str,
    ) -> Any:
        """A run as the UI launches it, which tells what it was asked for."""
        days = {PARTITION_NAME_TAG: first} if first and first == (last or first) else range_tags(first, last)
        with self.house.resources(**settings) as resources:
            job = dg.Definitions(assets=defs.assets, resources=resources).resolve_implicit_global_asset_job_def()
            return job.execute_in_process(
                asset_selection=[dg.AssetKey(name) for name in names],
                tags={**{name: day for name, day in days.items() if day}, **(tags or {})},
                instance=self.instance,
                raise_on_error=False,
            )

    def run_job(self, first: str, last: str) -> None:
        """A run of `daily_refresh` as the schedule launches it."""
        with self.house.resources() as resources:
            job = defs.resolve_job_def("daily_refresh")
            assert job.execute_in_process(
                tags=range_tags(first, last), instance=self.instance, resources=resources
            ).success

    def carry_out(self, asked: Asked) -> None:
        """Run what was asked for, as the daemon would: the days of one asset as a range."""
        for name, days in asked.items():
            if None not in days:
                assert self.run(name, first=min(map(str, days)), last=max(map(str, days)), tags=RUN_TAGS).success
        if whole := [name for name, days in asked.items() if None in days]:
            assert self.run(*whole, tags=RUN_TAGS).success


def range_tags(first: str | None, last: str | None) -> dict[str, Any]:
    """The tags of a run over a range of days."""
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


def merged(every: Iterator[Asked]) -> Asked:
    """All requests as one."""
    found: Asked = {}
    for asked in every:
        for name, days in asked.items():
            found.setdefault(name, set()).update(days)
    return found


@pytest.fixture
def follows(sqlite_house: House, tmp_path: Any) -> Followed:
    """The sensor, just turned on."""
    sqlite_house.environment["LEARNING_REPORT_PATH"] = str(tmp_path / "report.html")
    return Followed(sqlite_house)


def test_only_what_sends_no_request_follows() -> None:
    """Marts and the report; nothing else can be asked for. The sensor starts stopped."""
    groups = {spec.group_name for spec in defs.resolve_all_asset_specs() if spec.automation_condition}
    assert groups == set(FOLLOWING_GROUPS)
    selected = marts_follow_sensor.asset_selection.resolve(defs.resolve_asset_graph())
    assert {key.to_user_string() for key in selected} == FOLLOWING
    assert marts_follow_sensor.default_status == dg.DefaultSensorStatus.STOPPED


def test_a_day_that_was_loaded_alone_is_followed_once(follows: Followed) -> None:
    """Its own day of its own marts, and what is made of all days; the next ticks ask for nothing."""
    assert follows.run(RAW, first=DAY).success
    asked = follows.tick()
    assert asked == {**OF_THE_DAY, **OF_ALL_DAYS}
    assert all(request.tags[WHY_TAG] == "inputs_have_changed" for request in follows.requests)
    assert all(request.tags[LANE_TAG] == "scheduled" for request in follows.requests)
    assert follows.tick() == {}
    follows.carry_out(asked)
    assert [follows.tick(), follows.tick()] == [{}, {}]


def test_what_a_run_brings_up_to_date_itself_is_not_asked_for_again(follows: Followed) -> None:
    """The schedule's run holds the listings and the marts; only the report is made after it."""
    follows.run_job(DAY, NEXT)
    assert follows.tick() == {"learning_report": {None}}
    follows.carry_out({"learning_report": {None}})
    assert follows.tick() == {}


def test_a_reload_without_a_change_is_not_followed(follows: Followed) -> None:
    """Neither of one day nor of a range, in which every day keeps its own version."""
    assert follows.run(RAW, first=DAY).success
    assert follows.run(RAW, first=NEXT, last="2026-01-23").success
    follows.carry_out(follows.tick())
    follows.tick()
    assert follows.run(RAW, first=DAY).success
    assert follows.tick() == {}
    assert follows.run(RAW, first="2026-01-19", last="2026-01-23").success
    asked = follows.tick()
    assert asked == {**OF_ALL_DAYS, "scenario_lift": {"2026-01-19"}, "rank_distribution": {"2026-01-19"}}


def test_a_late_session_changes_its_day_only(follows: Followed) -> None:
    """The lookback finds one more graded session on one of three days: that day's marts, and the rest once."""
    assert follows.run(RAW, "exec_sessions", first="2026-01-19", last=NEXT).success
    follows.carry_out(follows.tick())
    assert follows.tick() == {}
    follows.house.sandbox.fault("analytics/participants.*start_date=2026-01-20", set_field={"session_count": 99})
    assert follows.run(RAW, "exec_sessions", first="2026-01-19", last=NEXT, EXEC_PARTICIPANTS_STRATEGY="days").success
    assert follows.tick() == {**OF_THE_DAY, **OF_ALL_DAYS}
    assert follows.tick() == {}


def test_a_range_is_followed_by_one_backfill_and_one_run(follows: Followed) -> None:
    """Thirty days: the daily marts as one backfill, what is made of all days as one run."""
    assert follows.run(RAW, first=DAY, last=LAST).success
    asked = follows.tick()
    assert {name: len(days) for name, days in asked.items()} == {
        **dict.fromkeys(OF_THE_DAY, 30),
        **dict.fromkeys(OF_ALL_DAYS, 1),
    }
    assert len(follows.requests) == 2
    follows.carry_out(asked)
    assert follows.tick() == {}


def test_a_stop_in_the_middle_of_a_range_is_followed_as_far_as_it_came(follows: Followed) -> None:
    """Days that stand are followed; those that are missing are, when somebody goes on with them."""
    follows.house.sandbox.fault("/proficiency.*2026-01-23T23", status=403)
    assert not follows.run("exec_skill_proficiency", first=DAY, last="2026-01-25").success
    follows.house.sandbox.heal()
    done = {DAY, NEXT, "2026-01-22"}
    asked = follows.tick()
    assert asked["skill_tiers"] == done
    follows.carry_out(asked)
    assert follows.run("exec_skill_proficiency", first="2026-01-23", last="2026-01-25").success
    assert follows.tick()["skill_tiers"] == {"2026-01-23", "2026-01-24", "2026-01-25"}


def test_a_change_that_comes_after_the_mart_is_followed_at_the_next_tick(follows: Followed) -> None:
    """Loaded, computed and loaded anew between two ticks."""
    assert follows.run(RAW, "scenario_lift", "rank_distribution", first=DAY).success
    follows.house.sandbox.fault("analytics/participants", set_field={"session_count": 99})
    assert follows.run(RAW, first=DAY).success
    assert follows.tick() == {**OF_THE_DAY, **OF_ALL_DAYS}


def test_the_history_does_not_ask_for_every_day(follows: Followed) -> None:
    """A table without days is an input of a daily mart; its change asks for no day by itself."""
    both = ("exec_assignments", "exec_assignment_history")
    assert follows.run(*both, first=DAY, last=NEXT).success
    asked = follows.tick()
    assert asked["assignment_completion"] == {DAY, NEXT}
    follows.carry_out(asked)
    assert follows.tick() == {}
    states = len(follows.house.rows("exec_assignment_history"))
    follows.house.sandbox.fault("/scenarios/assignments", set_field={"status": "did_not_pass"})
    assert follows.run(*both, first=DAY).success
    assert len(follows.house.rows("exec_assignment_history")) > states
    assert follows.tick().get("assignment_completion", set()) <= {DAY}


def test_the_roster_is_followed_by_the_scorecards(make_company: Any) -> None:
    """When somebody's row has changed, not when it was only read again."""
    company = make_company(people=5)
    follows = Followed(company)
    assert follows.run("hr_roster").success
    asked = follows.tick()
    assert asked == {name: {None} for name in ("learner_scorecard", "department_scorecard", "learning_report")}
    assert follows.run("hr_roster").success
    assert follows.tick() == {}
    company.hr({"E0002": {"department": "Marketing"}})
    assert follows.run("hr_roster").success
    assert follows.tick() == asked


def planned(follows: Followed, name: str, day: str) -> dg.DagsterRun:
    """A run of one day of an asset that is under way."""
    job, key = defs.resolve_implicit_global_asset_job_def(), dg.AssetKey(name)
    return follows.instance.create_run_for_job(
        job.get_subset(asset_selection={key}), asset_selection=frozenset({key}), tags={PARTITION_NAME_TAG: day}
    )


def test_nothing_follows_while_an_input_is_loaded(follows: Followed) -> None:
    """A run that has not ended holds up what is made of its assets; then it is asked for once."""
    assert follows.run(RAW, first=DAY).success
    under_way = planned(follows, RAW, NEXT)
    # Not even of other days: the check against Exec's summary, one for all of them, is still to come.
    assert follows.tick() == {}
    follows.instance.report_run_canceled(under_way)
    assert follows.tick() == {**OF_THE_DAY, **OF_ALL_DAYS}
    assert follows.tick() == {}


def test_a_mart_that_is_being_computed_is_not_asked_for(follows: Followed) -> None:
    """As in the middle of the schedule's run; where it ends without the mart, that is asked for after all."""
    assert follows.run(RAW, first=DAY).success
    under_way = planned(follows, "scenario_lift", DAY)
    assert follows.tick() == {**OF_ALL_DAYS, "rank_distribution": {DAY}}
    follows.instance.report_run_canceled(under_way)
    assert follows.tick() == {"scenario_lift": {DAY}}
    assert follows.tick() == {}


MOOD: dict[str, bool] = {}
IS_SOUND = dg.AssetCheckSpec("is_sound", asset="figures", blocking=True)
IS_NICE = dg.AssetCheckSpec("is_nice", asset="figures")


@dg.asset(partitions_def=DAILY, backfill_policy=ONE_RUN, check_specs=[IS_SOUND, IS_NICE])
def figures(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    checks = [dg.AssetCheckResult(passed=passed, check_name=name) for name, passed in MOOD.items()]
    yield dg.MaterializeResult(data_version=dg.DataVersion(context.run.run_id), check_results=checks)


@dg.asset(
    partitions_def=DAILY, backfill_policy=ONE_RUN, deps=["figures"], automation_condition=follow_the_day(["figures"])
)
def of_the_day() -> None: ...


@dg.asset(deps=["figures"], automation_condition=follow_all())
def of_all_days() -> None: ...


def test_an_input_whose_blocking_check_fails_is_not_followed(instance: dg.DagsterInstance) -> None:
    """Until it passes; a check that does not block holds nothing up."""
    toys = [figures, of_the_day, of_all_days]
    daemon = Daemon(instance, dg.Definitions(assets=toys), dg.AssetSelection.all())

    def load(*, sound: bool, nice: bool) -> None:
        MOOD.update(is_sound=sound, is_nice=nice)
        dg.materialize(toys, selection=["figures"], partition_key=DAY, instance=instance, raise_on_error=False)

    load(sound=False, nice=True)
    assert [daemon.tick(), daemon.tick()] == [{}, {}]
    load(sound=True, nice=False)
    assert daemon.tick() == {"of_the_day": {DAY}, "of_all_days": {None}}
    load(sound=False, nice=True)
    assert daemon.tick() == {}
