"""Alerts: one message for a chain or a check that fails, one when it is mended, and none is lost on the way."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.storage.tags import BACKFILL_ID_TAG, ROOT_BACKFILL_ID_TAG, ROOT_RUN_ID_TAG

from exec_orchestration.defs.alerts import failing
from exec_orchestration.defs.alerts import sensors as alerts
from exec_orchestration.defs.alerts.alerting import RunEnd, Watch, masked, run_steps, runbook
from exec_orchestration.defs.alerts.notifier import Message, Notifier
from exec_orchestration.defs.budget.lanes import LANE_TAG, RESUMED_TAG
from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.valid import alert_urls, web_url
from exec_orchestration.errors import AlertNotSent, BadSetting, KeyRefused, RateLimited, UnhealthyRoster

ONE, OTHER = "json://one.example/hook", "json://other.example/hook"
SENSORS = [alerts.run_failure_alert_sensor, alerts.check_alert_sensor]
MOOD: dict[str, Any] = {}
CHECK = dg.AssetCheckSpec("adds_up", asset="figures")


@dg.asset(group_name="exec")
@told_plainly
def load(context: dg.AssetExecutionContext) -> None:
    if MOOD.get("error"):
        raise MOOD["error"]


@dg.asset(group_name="exec")
@told_plainly
def other(context: dg.AssetExecutionContext) -> None:
    if MOOD.get("other"):
        raise MOOD["other"]


def _evaluated(context: dg.AssetExecutionContext, name: str) -> Iterator[Any]:
    yield dg.AssetCheckResult(
        check_name="adds_up",
        asset_key=name,
        passed=MOOD["passed"],
        severity=MOOD.get("severity", dg.AssetCheckSeverity.ERROR),
        description="3 rows of ada@example.com do not add up.",
    )


@dg.asset(check_specs=[CHECK])
def figures(context: dg.AssetExecutionContext) -> Iterator[Any]:
    yield dg.MaterializeResult()
    yield from _evaluated(context, "figures")


@dg.asset(check_specs=[dg.AssetCheckSpec("adds_up", asset="hr_roster")])
def hr_roster(context: dg.AssetExecutionContext) -> Iterator[Any]:
    yield dg.MaterializeResult()
    yield from _evaluated(context, "hr_roster")


ASSETS = [load, other, figures, hr_roster]
REPOSITORY = dg.Definitions(assets=ASSETS, sensors=SENSORS).get_repository_def()


class Post:
    """Two addresses, what each was told, and which of them do not answer."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.environment = {"ALERT_URLS": ONE}
        self.taken: list[tuple[str, Message]] = []
        self.down: set[str] = set()
        self.cursors: dict[str, str | None] = {}

    def notify(self, address: str, message: Message) -> bool:
        if address in self.down:
            return False
        self.taken.append((address, message))
        return True

    def notifier(self) -> Notifier:
        return Notifier(self.environment, notify=self.notify)

    def tick(self, sensor: dg.SensorDefinition = alerts.run_failure_alert_sensor) -> list[str]:
        """What one look of a sensor tells, as titles."""
        self.look(sensor)
        told, self.taken = self.taken, []
        self.last = [message for _, message in told]
        return [message.title for _, message in told]

    def look(self, sensor: dg.SensorDefinition = alerts.run_failure_alert_sensor) -> str:
        """One look of a sensor with the cursor of the look before; what it says of itself."""
        cursor = self.cursors.get(sensor.name)
        with dg.build_sensor_context(instance=self.instance, repository_def=REPOSITORY, cursor=cursor) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        assert isinstance(result.skip_reason, dg.SkipReason)
        self.cursors[sensor.name] = result.cursor
        return str(result.skip_reason.skip_message)

    def run(
        self, *names: str, error: Exception | None = None, tags: Mapping[str, str] | None = None, **mood: Any
    ) -> str:
        """A real run, and its id."""
        MOOD.clear()
        MOOD.update(mood, error=error)
        done = dg.materialize(
            ASSETS,
            selection=list(names or ["load"]),
            tags=dict(tags or {}),
            instance=self.instance,
            raise_on_error=False,
        )
        return done.run_id


@pytest.fixture
def post(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Post:
    """One address that has looked once, and an instance without runs."""
    made = Post(instance)
    monkeypatch.setattr(alerts, "notifier_now", made.notifier)
    made.look()
    return made


def refused() -> KeyRefused:
    return KeyRefused("Exec refused the key exec_live_abc with 401; ask ada@example.com for another.", status=401)


def limited() -> RateLimited:
    return RateLimited("The budget is used up.", resume_at=datetime.now(UTC) + timedelta(hours=1))


def again(root: str) -> dict[str, str]:
    return {ROOT_RUN_ID_TAG: root, "dagster/parent_run_id": root}


def test_the_first_failure_is_told_with_what_to_do(post: Post) -> None:
    """What, the error's own text without secrets, the run, and where to read on; and never a second time."""
    run = post.run(error=refused())
    assert post.tick() == ["load has failed"]
    assert post.last[0].body == (
        "Exec refused the key [hidden] with 401; ask [hidden] for another.\n\n"
        f"The run: http://127.0.0.1:3000/runs/{run}\nWhat to do: docs/runbook.md#keyrefused"
    )
    assert post.tick() == []


def test_what_failed_before_anybody_was_to_be_told_is_not_told(post: Post) -> None:
    """An address begins with what fails from then on."""
    post.run(error=refused())
    post.environment["ALERT_URLS"] = OTHER
    assert post.tick() == []
    post.run(error=refused())
    assert post.tick() == ["load has failed"]


def test_a_chain_is_told_once_until_it_succeeds(post: Post) -> None:
    """Re-executions that fail too are the same failure; after the recovery a new one is told again."""
    first = post.run(error=refused())
    post.run(error=refused(), tags=again(first))
    assert post.tick() == ["load has failed"]
    second = post.run(error=refused(), tags=again(first))
    assert post.tick() == []
    mended = post.run(tags=again(second) | again(first))
    assert post.tick() == ["load has succeeded again"]
    assert post.last[0].body == f"The run: http://127.0.0.1:3000/runs/{mended}"
    post.run(tags=again(first))
    assert post.tick() == []
    post.run(error=refused(), tags=again(first))
    assert post.tick() == ["load has failed"]


def test_the_runs_of_a_backfill_are_one_chain(post: Post) -> None:
    """Another day that succeeds mends nothing; a re-execution, or the backfill launched again, does."""
    first = post.run(error=refused(), tags={BACKFILL_ID_TAG: "abcdefgh"})
    post.run(error=refused(), tags={BACKFILL_ID_TAG: "abcdefgh"})
    post.run(tags={BACKFILL_ID_TAG: "abcdefgh"})
    assert post.tick() == ["load has failed"]
    post.run(tags=again(first))
    assert post.tick() == ["load has succeeded again"]
    post.run(error=refused(), tags={BACKFILL_ID_TAG: "abcdefgh"})
    post.run(tags={BACKFILL_ID_TAG: "ijklmnop", ROOT_BACKFILL_ID_TAG: "abcdefgh"})
    assert post.tick() == ["load has failed", "load has succeeded again"]


def test_two_chains_do_not_know_each_other(post: Post) -> None:
    """Each fails and is mended by itself."""
    one, two = post.run(error=refused()), post.run("other", other=refused())
    assert post.tick() == ["load has failed", "other has failed"]
    post.run("other", tags=again(two))
    assert post.tick() == ["other has succeeded again"]
    post.run(tags=again(one))
    assert post.tick() == ["load has succeeded again"]


def test_a_stop_by_the_budget_is_no_failure(post: Post) -> None:
    """It goes on by itself; a run that goes on and fails for another reason is one, and so is a second error in it."""
    first = post.run(error=limited())
    assert post.tick() == []
    post.run(error=refused(), tags={RESUMED_TAG: first, LANE_TAG: "backfill"})
    assert post.tick() == ["load has failed"]
    post.run(tags={RESUMED_TAG: first, LANE_TAG: "backfill"})
    assert post.tick() == ["load has succeeded again"]
    post.run("load", "other", error=limited(), other=refused())
    assert post.tick() == ["load, other has failed"]


def test_a_stop_by_the_budget_is_told_where_nobody_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has turned budget_resume_sensor off; here on a real instance, whose runs have a database each."""
    location = RegisteredCodeLocationOrigin("exec_orchestration")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), failing.GOES_ON)
    with dg.instance_for_test() as instance:
        post = Post(instance)
        monkeypatch.setattr(alerts, "notifier_now", post.notifier)
        post.look()
        first = post.run(error=limited())
        assert post.tick() == []
        off = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.STOPPED, None)
        instance.add_instigator_state(off)
        post.run(error=limited(), tags={RESUMED_TAG: first})
        assert post.tick() == ["load has failed"]
        assert post.last[0].body.endswith("docs/runbook.md#ratelimited")
        post.run(tags={RESUMED_TAG: first})
        assert post.tick() == ["load has succeeded again"]
        post.run("figures", passed=False)
        assert post.tick(alerts.check_alert_sensor) == ["The check figures.adds_up has failed"]


def test_an_error_that_may_quote_people_is_told_by_its_kind(post: Post) -> None:
    """A foreign one by its class, a roster's by what it means."""
    post.run(error=ValueError("Ada Lovelace is no number"))
    post.tick()
    assert "An unforeseen ValueError. Its text may hold anything" in post.last[0].body
    assert post.last[0].body.endswith("docs/runbook.md#any-other-error")
    post.run(error=UnhealthyRoster("line 3: Ada Lovelace"))
    post.tick()
    assert post.last[0].body.startswith("UnhealthyRoster: HR's roster cannot be read or trusted")
    assert "Ada" not in post.last[0].body


def test_what_was_not_sent_is_sent_at_the_next_tick(post: Post) -> None:
    """The tick is an error, which does not hold the address; nothing is lost, nothing comes twice."""
    post.environment["ALERT_URLS"] = "json://user:secret@one.example/hook"
    post.look()
    post.down = {"json://user:secret@one.example/hook"}
    post.run(error=refused())
    for _ in range(2):
        with pytest.raises(AlertNotSent, match=r"json:// address \w{12} of ALERT_URLS was not taken") as raised:
            post.look()
        assert "secret" not in str(raised.value)
    post.run("other", other=refused())
    post.down = set()
    assert post.tick() == ["load has failed", "other has failed"]
    assert "secret" not in json.dumps(post.cursors)


def test_an_address_that_answers_is_not_told_twice_because_another_does_not(post: Post) -> None:
    """Each address goes on by itself; as soon as nothing moves on, the tick is an error."""
    post.environment["ALERT_URLS"] = f"{ONE}, {OTHER}"
    post.look()
    post.down = {OTHER}
    post.run(error=refused())
    assert "1 messages were sent. An alert to the json:// address" in post.look()
    assert [address for address, _ in post.taken] == [ONE]
    with pytest.raises(AlertNotSent):
        post.look()
    post.down = set()
    assert "1 messages were sent." in post.look()
    assert [address for address, _ in post.taken] == [ONE, OTHER]


def test_a_plugin_that_raises_is_as_one_that_does_not_answer(post: Post) -> None:
    """And its text is not repeated: it may hold the address."""

    def explode(address: str, message: Message) -> bool:
        raise ValueError(f"cannot reach {address}")

    with pytest.raises(AlertNotSent, match=r"was not taken \(ValueError\)") as raised:
        Notifier({}, notify=explode).send(ONE, Message("a", "b"))
    assert "one.example" not in str(raised.value)


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda sensor: sensor.name)
def test_without_an_address_alerts_are_off(post: Post, sensor: dg.SensorDefinition) -> None:
    """And nothing is kept, so that turning them on does not tell of the past."""
    post.environment["ALERT_URLS"] = " "
    assert post.look(sensor).startswith("Alerts are off: ALERT_URLS is not set.")
    assert post.cursors[sensor.name] == "{}"


@pytest.mark.parametrize("text", ["slack", "https:/one", "json://one two", "json://one, two"])
def test_a_malformed_address_is_an_error_of_the_tick(post: Post, text: str) -> None:
    """It is not repeated, and what failed in the meantime is told once it is mended."""
    post.run(error=refused())
    post.environment["ALERT_URLS"] = text
    with pytest.raises(BadSetting, match="ALERT_URLS cannot be used: its value, which is not repeated here"):
        post.look()
    post.environment["ALERT_URLS"] = ONE
    assert post.tick() == ["load has failed"]


IMGHDR = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@IMGHDR
def test_a_message_by_the_real_library() -> None:
    """Over a real socket, without any of apprise's own formatting; a service that refuses is told as such."""
    pytest.importorskip("apprise")
    came: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if self.path == "/down" else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        body = "Exec said *no* to <b> & [x](y).\n\nThe run: http://127.0.0.1:3000/runs/1"
        Notifier({}).send(f"json://127.0.0.1:{server.server_port}/", Message("load has failed", body))
        with pytest.raises(AlertNotSent, match="was not taken"):
            Notifier({}).send(f"json://127.0.0.1:{server.server_port}/down", Message("a", "b"))
        server.shutdown()
    assert (came[0]["title"], came[0]["message"]) == ("load has failed", body)


@IMGHDR
def test_an_address_that_apprise_does_not_know_is_an_error_of_the_tick() -> None:
    """By its scheme only."""
    pytest.importorskip("apprise")
    with pytest.raises(AlertNotSent, match="holds a nonsense:// address that apprise cannot use") as raised:
        Notifier({}).send("nonsense://secret", Message("a", "b"))
    assert "secret" not in str(raised.value)


def test_many_failures_are_told_a_few_at_a_time(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest at the next ticks, in order."""
    monkeypatch.setattr(alerts, "SENT_AT_ONCE", 2)
    for _ in range(3):
        post.run(error=refused())
    assert [len(post.tick()) for _ in range(3)] == [2, 1, 0]


def test_more_ends_than_are_read_at_once(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """First successes move the watch on as well; none of the failures is passed over."""
    monkeypatch.setattr(failing, "EVENTS_AT_ONCE", 2)
    for error in (None, None, None, refused(), None, None, refused(), None):
        post.run(error=error)
    assert sum(len(post.tick()) for _ in range(5)) == 2


def test_a_cursor_does_not_grow_for_ever() -> None:
    """The oldest failures are forgotten."""
    ends = [RunEnd(number, f"chain {number}", "r", "x", number, number, failed=True) for number in range(1, 301)]
    *_, (_, watch) = run_steps(Watch(), ends, until=300, ui_url="")
    assert len(watch.open) == 200
    assert min(watch.open.values()) == 101


def test_a_check_is_told_until_it_passes(post: Post) -> None:
    """Once, by its severity; what only warns neither fails nor mends it."""
    sensor = alerts.check_alert_sensor
    run = post.run("figures", passed=False)
    assert post.tick(sensor) == ["The check figures.adds_up has failed"]
    assert post.last[0].body.startswith("3 rows of [hidden] do not add up.")
    assert f"/runs/{run}\n" in post.last[0].body
    post.run("figures", passed=False)
    assert post.tick(sensor) == []
    post.run("figures", passed=False, severity=dg.AssetCheckSeverity.WARN)
    assert post.tick(sensor) == []
    post.run("figures", passed=True)
    assert post.tick(sensor) == ["The check figures.adds_up passes again"]
    post.run("figures", passed=False, severity=dg.AssetCheckSeverity.WARN)
    assert post.tick(sensor) == []


def judged(post: Post, name: str, state: FreshnessState) -> None:
    """What Dagster's daemon writes down when an asset's freshness changes."""
    before, now = FreshnessState.UNKNOWN, datetime.now(UTC).timestamp()
    change = FreshnessStateChange(
        key=dg.AssetKey(name), new_state=state, previous_state=before, state_change_timestamp=now
    )
    post.instance._report_runless_asset_event(change)


def test_what_is_late_is_told_once_until_it_is_there(post: Post) -> None:
    """Once for a night with all that it was to bring, and once when all of it is there again."""
    sensor = alerts.check_alert_sensor
    assert post.tick(sensor) == []
    judged(post, "load", FreshnessState.PASS)
    assert post.tick(sensor) == []
    judged(post, "load", FreshnessState.FAIL)
    assert post.tick(sensor) == ["What daily_refresh brings is late"]
    assert "load" in post.last[0].body
    assert "/assets" in post.last[0].body
    judged(post, "other", FreshnessState.FAIL)
    judged(post, "load", FreshnessState.PASS)
    assert post.tick(sensor) == []
    judged(post, "other", FreshnessState.PASS)
    assert post.tick(sensor) == ["What daily_refresh brings is there again"]
    assert post.tick(sensor) == []


def test_a_check_about_people_does_not_quote_itself(post: Post) -> None:
    """Of HR and the user sync."""
    post.run("hr_roster", passed=False)
    assert post.tick(alerts.check_alert_sensor) == ["The check hr_roster.adds_up has failed"]
    assert post.last[0].body.startswith("What it found speaks of people: the run has it.")


def test_a_check_that_was_not_told_is_told_later(post: Post) -> None:
    """As with runs."""
    post.look(alerts.check_alert_sensor)
    post.down = {ONE}
    post.run("figures", passed=False)
    with pytest.raises(AlertNotSent):
        post.look(alerts.check_alert_sensor)
    post.down = set()
    assert post.tick(alerts.check_alert_sensor) == ["The check figures.adds_up has failed"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask ada@example.com.", "ask [hidden]"),
        ("email='Ada.L+x@exämple.com', gone", "[hidden] gone"),
        ("?email=ada%40example.com is it", "[hidden] is it"),
        ("without @exec.com people", "without @exec.com people"),
        ("key exec_live_*** and exec_live_a1", "key [hidden] and [hidden]"),
        ("postgresql://me:pass@host/db is down", "[hidden] is down"),
        ("token 0123456789abcdef0123456789abcdef", "token [hidden]"),
        ("USER_SYNC_MAX_DEACTIVATION_SHARE", "USER_SYNC_MAX_DEACTIVATION_SHARE"),
        ("the run 0b0c1c55-7f0e-4a3c-9d53-1a2b3c4d5e6f", "the run 0b0c1c55-7f0e-4a3c-9d53-1a2b3c4d5e6f"),
        ("the key hush-hush was refused", "the key [hidden] was refused"),
    ],
)
def test_masking(text: str, expected: str) -> None:
    """Addresses, keys and the values of secret settings; nothing else."""
    assert masked(text, ["hush-hush"]) == expected
    assert len(masked("long " * 1000)) < 1_600


def test_secret_settings_are_hidden() -> None:
    """Whatever they look like; very short ones would hide ordinary words."""
    found = Notifier(
        {"SPARKWISE_API_KEY": "a-long-key", "EXEC_API_KEY": "short", "HR_ROSTER_QUERY": "select 1"}
    ).secrets
    assert found == {"a-long-key"}


def test_the_settings() -> None:
    """Commas or spaces between addresses; a comma within one stays; a link's base has no slash at its end."""
    assert alert_urls("") == ()
    assert alert_urls("json://a,json://b  json://a\nmailto://u:p@h?to=x@y.z,b@y.z,") == (
        "json://a",
        "json://b",
        "mailto://u:p@h?to=x@y.z,b@y.z",
    )
    assert web_url("http://dagster.internal:3000/") == "http://dagster.internal:3000"
    with pytest.raises(ValueError, match="not an http"):
        web_url("http://me:secret@dagster")


def test_the_runbook_has_a_place_for_each_error() -> None:
    """By the error's class; everything foreign has one place."""
    assert runbook("BadSetting") == "What to do: docs/runbook.md#badsetting"
    assert runbook("datetime") == runbook("") == "What to do: docs/runbook.md#any-other-error"
