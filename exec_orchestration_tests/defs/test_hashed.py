"""PII_MODE=hashed: no name and no address is stored, every figure is as before, and the user sync sends real names."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import sqlalchemy as sa

from exec_orchestration.definitions import defs
from exec_orchestration.sandbox.roster import roster_rows, write_roster
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.veil import HASHED, Veil
from exec_orchestration_tests.conftest import LAST_DAY, Sandbox
from exec_orchestration_tests.defs.conftest import Company, House, MakeCompany, check, failure_text
from exec_orchestration_tests.defs.test_engines import MARTS
from exec_orchestration_tests.defs.test_loads import DAILY_RAW, FIRST, LAST, WHOLE

KEY = "k" * 32
MODE = {"PII_MODE": "hashed", "PII_KEY": KEY}
VEIL = Veil(KEY)
OF_A_RUN = ("fetched_at", "run_id", "observed_from", "observed_to", "valid_from", "planned_at", "expires_at")
OF_A_RUN_TOO = ("plan_id", "carried_out_at", "sent_at", "answered_at", "person_fingerprint", "plan_fingerprint")
COMPARED = [name for name, table in METADATA.tables.items() if table.info["group"] != "ledger"]


@pytest.fixture
def houses(make_sandbox: Callable[..., Sandbox], tmp_path: Path, warehouse_url: str) -> Iterator[tuple[House, House]]:
    """A plain house on SQLite and a hashed one on either engine, each over a sandbox of its own, with one roster."""
    roster, made = tmp_path / "roster.csv", []
    with dg.DagsterInstance.ephemeral() as first, dg.DagsterInstance.ephemeral() as second:
        modes: tuple[tuple[str, dg.DagsterInstance, dict[str, str]], ...] = (
            (f"sqlite:///{tmp_path}/plain.db", first, {}),
            (warehouse_url, second, MODE),
        )
        for url, instance, mode in modes:
            sandbox = make_sandbox()
            write_roster(roster, roster_rows(sandbox.world.cast, LAST_DAY))
            made.append(House(sandbox, url, instance, HR_ROSTER_URL=str(roster), **mode))
        yield made[0], made[1]
        for house in made:
            house.warehouse.close()


def load_everything(house: House) -> None:
    """Both vendors, the roster, the marts, and a sync."""
    assert house.run(*DAILY_RAW, *WHOLE, "hr_roster", first=FIRST, last=LAST).success
    assert house.run(*MARTS, first=FIRST, last=LAST).success
    assert house.run("hr_roster", "sparkwise_users", "user_sync_plan", "user_sync_outcome").success


def expected(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """A plain row as the hashed house holds it."""
    hidings = {column.name: VEIL.hiding(column) for column in METADATA.tables[name].c}
    return {key: hide(value) if value is not None and (hide := hidings[key]) else value for key, value in row.items()}


def alike(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    """Row for row; a number may differ by what the order of adding up leaves in its last digits."""
    assert len(one) == len(other)
    for row, like in zip(sorted(one, key=repr), sorted(other, key=repr), strict=True):
        told = {
            key: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value for key, value in row.items()
        }
        assert like == told


def test_every_figure_is_the_same(houses: tuple[House, House]) -> None:
    """Raw tables, history, roster, marts and journals: a hash where a person stood, and everything else as it was."""
    plain, hashed = houses
    for house in houses:
        load_everything(house)
    for name in COMPARED:
        rows = [house.rows(name, but=(*OF_A_RUN, *OF_A_RUN_TOO)) for house in houses]
        assert rows[0], name
        alike([expected(name, row) for row in rows[0]], rows[1])
    scorecard = hashed.rows("learner_scorecard")
    assert any(row["is_in_exec"] for row in scorecard)
    assert all(HASHED.fullmatch(row["email"]) for row in scorecard)
    assert accounts_of(hashed) == accounts_of(plain)
    assert plain.rows("learner_scorecard")[0]["email"] not in str(scorecard)


def accounts_of(house: House) -> list[tuple[Any, ...]]:
    """Sparkwise's accounts as Sparkwise holds them."""
    with httpx.Client(transport=house.sandbox.transport, base_url="http://127.0.0.1/_sandbox") as sparkwise:
        held = sparkwise.get("/accounts").raise_for_status().json()
    return sorted((str(each["remoteId"]), each["firstName"], each["lastName"], each["active"]) for each in held)


def text_of(company: House) -> str:
    """All that the warehouse holds."""
    tables = METADATA.tables.values()
    with company.warehouse.engine.connect() as connection:
        return "\n".join(str(tuple(row)) for table in tables for row in connection.execute(sa.select(table)))


def job(company: House, name: str, **settings: str) -> Any:
    """One run of a job without a config."""
    with company.resources(**settings) as resources:
        return defs.resolve_job_def(name).execute_in_process(
            instance=company.instance, raise_on_error=False, resources=resources
        )


def test_the_sync_writes_names_and_keeps_hashes(make_company: MakeCompany, warehouse_url: str) -> None:
    """Somebody new, renamed, refused in words that quote them, gone; bad rows of HR's too: no name in any table."""
    company = make_company(url=warehouse_url)
    company.environment |= MODE
    assert company.sync().success
    refused = "Zuzanna Qvist <ann0020@acme.example> is not welcome"
    company.sandbox.fault("/users", method="PUT", refuse_users={"E0020": refused})
    company.hr({"E0020": {"first_name": "Zuzanna", "last_name": "Qvist"}, "E0021": {"last_name": "Wolny"}})
    company.hr({"E0901": {"first_name": "Anneliese", "last_name": "Grün"}, "E0030": None})
    company.hr({"E0040": {"first_name": "Yolanda", "start_date": "Xaver"}})
    result = company.sync()
    assert result.success
    assert (company.accounts["E0021"]["lastName"], company.accounts["E0901"]["lastName"]) == ("Wolny", "Grün")
    assert company.accounts["E0021"]["firstName"] == "Ann 0021"
    assert not company.accounts["E0030"]["active"]
    assert "E0020: update is refused ([hidden] [hidden] <[hidden]> is not" in str(
        check(result, "everybody_is_answered").description
    )
    assert company.sync().success
    assert sorted(company.planned("blocked")) == ["E0020", "E0040"]
    held = text_of(company)
    told = ("Zuzanna", "Qvist", "Wolny", "Anneliese", "Grün", "Gr\\u00fcn", "Yolanda", "Xaver", "Ann 0", "@acme")
    assert [word for word in told if word in held] == []


def test_taking_back_a_rename_needs_the_name(make_company: MakeCompany) -> None:
    """A leaver comes back with the names that Sparkwise has; a name that stands nowhere any more is asked for."""
    company = make_company()
    company.environment |= MODE
    assert company.sync().success
    company.hr({"E0021": {"last_name": "Wolny"}, "E0030": None})
    assert company.sync().success
    plan_id = next(row["plan_id"] for row in company.planned("deactivate").values())
    assert company.sync("user_sync_undo", {"plan_id": plan_id}).success
    assert company.accounts["E0030"] == {**company.accounts["E0030"], "active": True, "firstName": "Ann 0030"}
    assert company.accounts["E0021"]["lastName"] == "Wolny"
    assert "is kept as a hash only" in company.planned("blocked")["E0021"]["reason"]


def test_a_row_without_an_id_may_be_about_anybody(make_company: MakeCompany) -> None:
    """Hashes tell nobody from anybody: while HR has such a row, whoever is absent keeps the account."""
    company = make_company(people=120)
    company.environment |= MODE
    assert company.sync().success
    company.hr({"E0030": None})
    company.write([*company.people.values(), {"first_name": "Somebody", "last_name": "Else", "status": "active"}])
    assert company.sync().success
    assert company.accounts["E0030"]["active"]
    assert "cannot be read on line 121" in company.planned("blocked")["E0030"]["reason"]


def test_a_plain_warehouse_becomes_a_hashed_one(make_company: MakeCompany, warehouse_url: str) -> None:
    """Refused until hash_persons has rewritten it; then nobody is new, changed or sent. No way back, no other key."""
    company = make_company(url=warehouse_url)
    assert company.sync().success
    company.sandbox.fault("/users", method="PUT", refuse_users={"E0021": "Ann 0021 is not welcome"})
    company.hr({"E0021": {"last_name": "Wolny"}, "E0022": {"last_name": "Nowak"}, "E0040": {"start_date": "Xaver"}})
    assert company.sync().success
    assert "hash_persons" in failure_text(company.sync(**MODE))
    result = job(company, "hash_persons", **MODE)
    assert result.success
    company.forget()
    held, versions = text_of(company), company.rows("hr_roster", but=())
    assert [word for word in ("Wolny", "Nowak", "Xaver", "Ann 0", "@acme") if word in held] == []
    assert company.sync(**MODE).success
    assert company.rows("hr_roster", but=()) == versions
    assert company.sent() == []
    assert set(company.planned("blocked")) == {"E0021", "E0040"}
    assert not any(company.planned(action) for action in ("create", "update", "deactivate"))
    assert job(company, "hash_persons", **MODE).success
    assert "nobody can turn back" in failure_text(company.sync())
    assert "not the key" in failure_text(company.sync(**{**MODE, "PII_KEY": "x" * 32}))


@pytest.mark.parametrize(
    ("key", "told"),
    [("", "PII_KEY is not set"), ("k" * 31, "PII_KEY cannot be used: its value, which is not repeated")],
)
def test_a_key_is_needed(company: Company, key: str, told: str) -> None:
    """Of 32 characters at least; without one nothing is read."""
    text = failure_text(company.sync(PII_MODE="hashed", PII_KEY=key))
    assert told in text
    assert "k" * 31 not in text
