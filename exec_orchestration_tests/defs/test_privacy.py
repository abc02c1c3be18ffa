"""Nobody's name, e-mail address or key stands in what Dagster keeps, in the report or in an alert.

The people here have names that are found nowhere else, so that even a lone one can be looked for in every file.
"""

import itertools
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from exec_orchestration.definitions import defs
from exec_orchestration.defs.alerts import sensors as alerts
from exec_orchestration.defs.alerts.notifier import Message, Notifier
from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.errors import WarehouseError
from exec_orchestration.sandbox import catalogue
from exec_orchestration.sandbox.app import EXEC_KEY, SPARKWISE_KEY
from exec_orchestration.sandbox.world import build_world
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import is_daily
from exec_orchestration_tests.conftest import Sandbox
from exec_orchestration_tests.defs.conftest import Company, account_for, check, failure_text

FIRST, LAST = date(2026, 1, 5), date(2026, 1, 6)
ALERT_SECRET = "hushhushsecret"
ALERT_URL = f"json://duty:{ALERT_SECRET}@alerts.example/hook"
PEOPLE = 420
REPOSITORY = defs.get_repository_def()
MODE = {"PII_MODE": "hashed", "PII_KEY": "zvxkwj" * 8}
TABLES = {name: table for name, table in METADATA.tables.items() if table.info["group"] != "ledger"}
RAW = ("exec", "sparkwise")
SYLLABLES = ("zyq", "vrox", "jhuk", "wexq", "qirj", "xolv", "kvaz", "yjub", "fwih", "gzem")


def rare(prefix: str) -> Iterator[str]:
    """Names that no text holds by chance."""
    return (f"{prefix}{''.join(each)}".capitalize() for each in itertools.product(SYLLABLES, repeat=4))


FIRST_NAMES, LAST_NAMES = rare("q"), rare("w")
NAMES: list[str] = []


def names() -> tuple[str, str]:
    """A first and a last name that nobody had yet."""
    found = next(FIRST_NAMES), next(LAST_NAMES)
    NAMES.extend(found)
    return found


def person() -> dict[str, str]:
    """What HR says of somebody new."""
    first, last = names()
    return {"first_name": first, "last_name": last, "email": f"{first}.{last}@privacy.example".lower()}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance whose runs, events, ticks and compute logs are files."""
    folder = tmp_path / "instance"
    folder.mkdir()
    with dg.instance_for_test(temp_dir=str(folder)) as made:
        yield made


@pytest.fixture(params=[{}])
def company(
    request: pytest.FixtureRequest, tmp_path: Path, disk: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Company]:
    """A company whose people, at HR and at both vendors, have such names."""
    for place, count in (("FIRST_NAMES", 21), ("LAST_NAMES", 17)):
        words = [names()[place == "LAST_NAMES"] for _ in range(count)]
        monkeypatch.setattr(catalogue, place, tuple((word, word.lower()) for word in words))
    monkeypatch.setattr(catalogue, "SYSTEM_NAMES", tuple(names() for _ in catalogue.SYSTEM_NAMES))
    world = build_world(11, until=date(2026, 1, 12), people=40)
    url = f"sqlite:///{tmp_path}/warehouse.db"
    made = Company(Sandbox(world), tmp_path, url, disk, people=0)
    made.environment |= request.param
    made.hr({f"E{number:04d}": person() for number in range(1, PEOPLE + 1)})
    made._put_accounts([account_for(each) for each in made.people.values()])
    yield made
    made.warehouse.close()


def everything_below(folder: Path) -> dict[str, str]:
    """The text of every file, databases dumped."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        content = path.read_bytes()
        if content.startswith(b"SQLite format 3"):
            with closing(sqlite3.connect(path)) as database:
                found[path.name] = "\n".join(database.iterdump())
        else:
            found[str(path.relative_to(folder))] = content.decode("utf-8", "replace")
    return found


def secrets() -> list[str]:
    """All that must not be found. Addresses are made of names, and are found by them."""
    return [*NAMES, "@privacy.example", EXEC_KEY, SPARKWISE_KEY, ALERT_SECRET, MODE["PII_KEY"]]


def leaks(texts: dict[str, str]) -> list[str]:
    """Where something of it stands, with what stands around it."""
    found = []
    for place, text in texts.items():
        folded = text.casefold()
        for secret in secrets():
            at = folded.find(secret.casefold())
            if at >= 0:
                found.append(f"{place}: {text[max(at - 300, 0) : at + 100]!r}")
    return found


class Duty:
    """Whoever is told of failures: the messages, and what the sensors say of themselves."""

    def __init__(self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[str] = []
        self.instance = instance
        self.cursors: dict[str, str | None] = {}
        environment = {"ALERT_URLS": ALERT_URL, "EXEC_API_KEY": EXEC_KEY, "SPARKWISE_API_KEY": SPARKWISE_KEY}
        monkeypatch.setattr(alerts, "notifier_now", lambda: Notifier(environment, notify=self.notify))
        self.tick()

    def notify(self, _address: str, message: Message) -> bool:
        self.told.append(f"{message.title}\n{message.body}")
        return True

    def tick(self) -> None:
        """One look of both sensors."""
        for sensor in (alerts.run_failure_alert_sensor, alerts.check_alert_sensor):
            cursor = self.cursors.get(sensor.name)
            with dg.build_sensor_context(instance=self.instance, repository_def=REPOSITORY, cursor=cursor) as context:
                result = sensor(context)
            assert isinstance(result, dg.SensorResult)
            self.cursors[sensor.name] = result.cursor
            self.told += [str(result.skip_reason), str(result.cursor)]


def load_everything(company: Company, folder: Path) -> None:
    """Both vendors' tables, the marts and both reports."""
    whole = [name for name, table in TABLES.items() if table.info["group"] in RAW and not is_daily(table)]
    daily = [name for name, table in TABLES.items() if table.info["group"] in RAW and is_daily(table)]
    marts = [name for name, table in TABLES.items() if table.info["group"] == "analytics"]
    assert company.run("hr_roster", *whole).success
    assert company.run(*daily, first=FIRST, last=LAST).success
    assert company.run(*[name for name in marts if is_daily(TABLES[name])], first=FIRST, last=LAST).success
    assert company.run(*[name for name in marts if not is_daily(TABLES[name])]).success
    report = {"LEARNING_REPORT_PATH": str(folder / "report.html"), "LEARNING_REPORT_DAYS": "900"}
    assert company.run("learning_report", **report).success
    assert company.run("request_budget").success


def sync_in_all_ways(company: Company) -> None:
    """Somebody new, renamed, gone, refused, and rows that cannot be read, each by its own fault."""
    assert company.sync().success
    refused, old = company.people["E0020"], company.people["E0021"]
    said = f"{refused['first_name'].upper()} {refused['last_name']} <{refused['email']}> is not welcome"
    changed = {f"E{number:04d}": {"last_name": names()[1]} for number in (20, 21, 22)}
    company.sandbox.fault("/users", method="PUT", refuse_users={"E0020": said})
    company.sandbox.fault("/users", method="PUT", skip_users=["E0022"])
    company.hr({**changed, "E0901": person(), "E0030": {"status": "terminated"}, "E0031": None})
    company.hr({"E0040": {"last_name": f"{names()[1]}Ã¼"}, "E0041": {"start_date": old["last_name"]}})
    company.hr({"E0042": {"status": old["email"]}})
    result = company.sync()
    assert result.success
    assert "E0020: update is refused ([hidden] [hidden] <[hidden]> is not" in _told(result, "everybody_is_answered")
    assert "E0022: update (last_name changes)" in _told(result, "no_drift")
    assert "(E0040): the roster's row is bad: line " in _told(result, "nobody_is_blocked")
    assert company.sync().success
    assert "Sparkwise refused it: [hidden] [hidden] <[hidden]> is" in company.planned("blocked")["E0020"]["reason"]
    for employee_id in ("E0020", "E0022", "E0031", "E0040", "E0901"):
        asked = {"employee_id": employee_id, "apply": employee_id == "E0022"}
        explained = company.sync("user_sync_explain", {"ops": {"explain": {"config": asked}}})
        assert explained.success


def _told(result: Any, name: str) -> str:
    return str(check(result, name).description)


def fail_in_all_ways(company: Company) -> None:
    """Rows that do not fit, answers that are cut off or echo what was sent, a roster that is refused."""
    somebody = person()

    def fails(run: Callable[[], Any], *parts: str) -> None:
        text = failure_text(run())
        assert [part for part in parts if part not in text] == [], text
        company.sandbox.heal()

    sandbox, echo = company.sandbox, {"who": somebody, "key": EXEC_KEY}
    sandbox.fault("/workspace/members", set_field={"email": [somebody["email"]]})
    fails(lambda: company.run("exec_members"), "email must be a string, not a list")
    sandbox.fault("/sessions", set_field={"user.email": somebody, "score": somebody["email"]})
    fails(lambda: company.run("exec_sessions", first=FIRST), "not an object", 'score must be a number, not "[hidden]"')
    sandbox.fault("/sessions", set_field={"user": somebody["first_name"]})
    fails(lambda: company.run("exec_sessions", first=FIRST), "user must be an object, not a string")
    sandbox.fault("/workspace/members", truncate=True)
    fails(lambda: company.run("exec_members"), "bytes that begin as JSON does")
    sandbox.fault("/workspace/members", status=400, body=echo)
    fails(lambda: company.run("exec_members"), "status 400 (JSON with the fields who, key)")
    sandbox.fault(
        "/workspace/members", status=401, body={"error": {"message": f"{somebody['email']} has not {EXEC_KEY}"}}
    )
    fails(lambda: company.run("exec_members"), "status 401 ([hidden] has not ***)")
    sandbox.fault(r"/scenarios\?", set_field={"id": None, "name": somebody["first_name"]})
    fails(lambda: company.run("exec_participant_analytics", first=FIRST), "without an id")
    # The sync: a batch that is refused as a whole, in words that quote it.
    changed = {f"E{number:04d}": {"last_name": names()[1]} for number in range(100, 103)}
    company.hr(changed)
    quoted = f"{changed['E0100']['last_name']} {company.people['E0101']['email']} cannot be read"
    sandbox.fault("/users", method="PUT", status=401, body={"error": {"message": quoted}})
    fails(company.sync, "[hidden] [hidden] cannot be read")
    # The roster: without a header, with another, and with too many rows that cannot be read.
    people = [list(each.values()) for each in company.people.values()]
    company.roster.write_text("\n".join(",".join(each) for each in people))
    fails(company.sync, "none of the ")
    rows = [{**each, "start_date": each["last_name"], "status": each["email"]} for each in company.people.values()]
    company.write(rows)
    fails(company.sync, "start_date must be a day")


@pytest.mark.parametrize("company", [{}, MODE], ids=["plain", "hashed"], indirect=True)
def test_nobody_is_told_of(
    company: Company,
    disk: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever goes right or wrong: no name, no address and no key in any file but the warehouse, and in no alert.

    With PII_MODE=hashed, not in the warehouse either.
    """
    caplog.set_level(logging.INFO)
    duty = Duty(disk, monkeypatch)
    load_everything(company, tmp_path)
    sync_in_all_ways(company)
    fail_in_all_ways(company)
    duty.tick()
    texts = everything_below(tmp_path / "instance")
    assert len(texts) > 40
    assert any("compute_logs" in place for place in texts)
    report = (tmp_path / "report.html").read_text()
    assert "learning" in report.casefold()
    assert sum("has failed" in each for each in duty.told) >= 5
    told = {"the report": report, "the alerts": "\n".join(duty.told), "Python's log": caplog.text}
    assert leaks({**texts, **told}) == []
    # Of people the warehouse is full, and so is the roster; keys belong into no file at all.
    written = everything_below(tmp_path)
    assert {"warehouse.db", "roster.csv", "report.html"} <= set(written)
    assert [place for place, text in written.items() if EXEC_KEY in text or SPARKWISE_KEY in text] == []
    held = everything_below(company.roster.parent)["warehouse.db"]
    assert (leaks({"the warehouse": held}) == []) == ("PII_KEY" in company.environment)


def test_the_setting_shows_names(company: Company, disk: dg.DagsterInstance, tmp_path: Path) -> None:
    """In the plan, in the drift and in what is explained: so the test above would see them."""
    shown = {"SHOW_PERSONAL_DATA": "true"}
    assert company.sync(**shown).success
    last = names()[1]
    company.hr({"E0022": {"last_name": last}})
    company.sandbox.fault("/users", method="PUT", skip_users=["E0022"])
    result = company.sync(**shown)
    assert f"last_name: {company.accounts['E0022']['lastName']} -> {last}" in _told(result, "no_drift")
    assert last in company.metadata("user_sync_plan")["plan"]
    asked = {"ops": {"explain": {"config": {"employee_id": "E0022"}}}}
    assert company.sync("user_sync_explain", asked, **shown).success
    first = company.people["E0022"]["first_name"]
    texts = everything_below(tmp_path / "instance")
    assert any(f"HR says: active, {first} {last}" in text for text in texts.values())
    assert leaks(texts) != []


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("is_ours", [False, True])
def test_others_errors_are_told_by_their_class(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, shown: bool, is_ours: bool
) -> None:
    """By it and by the lines of code, in a cause as in what nobody foresaw; the setting shows their texts."""
    monkeypatch.setenv("SHOW_PERSONAL_DATA", str(shown))

    key, row = "Qzyq".lower(), "Failing row contains (Wvrox)".upper()

    @dg.asset
    @told_plainly
    def table() -> None:
        try:
            {}[key]
        except KeyError as error:
            try:
                raise ValueError(row) from error
            except ValueError as failed:
                if is_ours:
                    raise WarehouseError("It could not be written.") from failed
                raise

    result = dg.materialize([table], instance=instance, raise_on_error=False)
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.error is not None
    text = failure.error.to_string()
    assert (row in text, key in text) == (shown, shown)
    assert "ValueError" in text
    assert "KeyError" in text
    assert "in table" in text
    assert ("WarehouseError: It could not be written." in text) == is_ours
