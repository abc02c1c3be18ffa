"""erase_person: one person out of every table, proved by a search, and not back by the next load.

The person is the first of the sandbox's company who stands everywhere: at HR, in Exec, in Sparkwise.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from exec_orchestration.definitions import defs
from exec_orchestration.defs.partitions import DayWindow
from exec_orchestration.defs.summary_check import compared
from exec_orchestration.sandbox.roster import roster_rows, write_roster
from exec_orchestration.tables import METADATA
from exec_orchestration_tests.conftest import LAST_DAY, Sandbox
from exec_orchestration_tests.defs.conftest import Company, House, failure_text
from exec_orchestration_tests.defs.test_engines import MARTS
from exec_orchestration_tests.defs.test_hashed import MODE
from exec_orchestration_tests.defs.test_loads import DAILY_RAW, FIRST, LAST, WHOLE

SYNC = ("hr_roster", "sparkwise_users", "user_sync_plan", "user_sync_outcome")
OF_A_LOAD = {"fetched_at", "run_id", "version", "value", "token"}


@pytest.fixture
def house(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path, warehouse_url: str, instance: dg.DagsterInstance
) -> Iterator[House]:
    """A house in which everything is loaded, computed and synced."""
    sandbox, roster = make_sandbox(), tmp_path / "roster.csv"
    write_roster(roster, roster_rows(sandbox.world.cast, LAST_DAY))
    settings = {"HR_ROSTER_URL": str(roster), "ERASE_PERSON_FILE": str(tmp_path / "person.toml")}
    made = House(sandbox, warehouse_url, instance, **settings)
    yield made
    made.warehouse.close()


def load_everything(house: House) -> None:
    """Both vendors, the roster, the marts, and a sync."""
    sandbox = house.sandbox
    assert house.run(*DAILY_RAW, *WHOLE, "hr_roster", first=FIRST, last=LAST, MAX_REJECTED_ROWS="9").success
    sandbox.heal()
    assert house.run(*MARTS, first=FIRST, last=LAST).success
    assert house.run(*SYNC).success


def somebody(house: House) -> dict[str, Any]:
    """Who stands everywhere: with practice, an assignment and a row of HR's."""
    assigned = {row["user_email"].lower() for row in house.rows("exec_assignments")}
    practised = {row["user_id"] for row in house.rows("learner_lift")}
    users = {row["email"].lower(): row["id"] for row in house.rows("exec_members") if row["id"] in practised}
    known = {email for email in users if email in assigned}
    found = next(row for row in house.rows("learner_scorecard") if row["email"].lower() in known)
    return {**found, "user_id": users[found["email"].lower()]}


def name_in_file(house: House, **told: Any) -> None:
    """What the data protection officer writes."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    Path(house.environment["ERASE_PERSON_FILE"]).write_text("\n".join(lines))


def erase(house: House, **config: Any) -> Any:
    """One run of the job."""
    with house.resources() as resources:
        return defs.resolve_job_def("erase_person").execute_in_process(
            run_config={"ops": {"erase_everywhere": {"config": config}}},
            instance=house.instance,
            raise_on_error=False,
            resources=resources,
        )


def counts(result: Any) -> dict[str, Any]:
    """What the job tells."""
    (event,) = [each for each in result.all_events if each.event_type_value == "STEP_OUTPUT"]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def content(house: House) -> dict[str, list[dict[str, Any]]]:
    """Every table, but for what tells when and by which run."""
    return {
        name: [{key: value for key, value in row.items() if key not in OF_A_LOAD} for row in house.rows(name, but=())]
        for name in METADATA.tables
    }


def places(house: House, person: dict[str, Any]) -> list[str]:
    """In which tables the person stands, by a search that knows nothing of declarations."""
    told = [person["email"].lower(), person["user_id"].lower(), person["employee_id"].lower()]
    told += [f"'{person['first_name'].lower()}', '{person['last_name'].lower()}'"]
    found = []
    with house.warehouse.engine.connect() as connection:
        for name, table in METADATA.tables.items():
            rows = [str(tuple(row)).lower() for row in connection.execute(sa.select(table))]
            found += [name for row in rows if any(word in row for word in told)][:1]
    return found


def test_somebody_is_erased_everywhere(house: House) -> None:
    """By one address: every row of theirs goes, everybody else's stays, and no load brings them back."""
    house.sandbox.fault("/workspace/members", set_field={"role": ["x"]}, index=0)
    load_everything(house)
    person, before = somebody(house), content(house)
    stood = places(house, person)
    assert {"exec_sessions", "exec_assignments", "hr_roster", "sparkwise_users", "user_sync_plan"} <= set(stood)
    name_in_file(house, emails=[person["email"].upper()])

    rehearsed = erase(house, rehearse=True)
    assert rehearsed.success
    assert content(house) == before

    result = erase(house)
    assert result.success
    assert places(house, person) == []
    told = counts(result)
    assert {**told, "rehearsed": True} == counts(rehearsed)
    after = content(house)
    for name, rows in before.items():
        gone = [row for row in rows if row not in after[name]]
        assert len(gone) == told.get(f"deleted_from_{name}", 0) + told.get(f"cleared_in_{name}", 0) or name in (
            "data_versions",
            "privacy_state",
            "erased_people",
        ), name
    assert told["deleted_from_exec_assignment_history"] >= 1
    assert told["deleted_from_learner_lift"] >= 1
    assert (told["known_by_employee"], told["known_by_exec_user"]) == (1, 1)

    sent = len(house.sandbox.requests("/users"))
    load_everything(house)
    assert places(house, person) == []
    assert house.metadata("exec_members")["left_out_erased_people"] == 1
    assert house.metadata("hr_roster")["left_out_erased_people"] == 1
    assert house.metadata("exec_sessions", LAST).get("left_out_erased_people") != 0
    assert not [entry for entry in house.sandbox.requests("/users")[sent:] if person["employee_id"] in str(entry)]
    log = "\n".join(str(event) for run in house.instance.get_runs() for event in house.instance.all_logs(run.run_id))
    assert person["email"].lower() not in log.lower()


def test_somebody_is_erased_from_hashes(house: House) -> None:
    """With PII_MODE=hashed the same address finds the same person."""
    load_everything(house)
    person, counted = somebody(house), {name: len(rows) for name, rows in content(house).items()}
    house.warehouse.close()
    house.environment |= MODE
    with house.resources() as resources:
        done = defs.resolve_job_def("hash_persons").execute_in_process(
            instance=house.instance, raise_on_error=False, resources=resources
        )
    assert done.success
    name_in_file(house, emails=[person["email"]])
    result = erase(house)
    assert result.success
    assert places(house, person) == []
    assert not [row for row in house.rows("hr_roster") if row["employee_id"] == person["employee_id"]]
    assert counts(result)["deleted_from_exec_sessions"] >= 1
    assert len(house.rows("learner_scorecard")) == counted["learner_scorecard"] - 1
    load_everything(house)
    assert places(house, person) == []


@pytest.fixture
def staff(company: Company, tmp_path: Path) -> Company:
    """A company of 120 that was synced."""
    company.environment["ERASE_PERSON_FILE"] = str(tmp_path / "person.toml")
    assert company.sync().success
    return company


def test_what_nobody_can_place_ends_it(staff: Company) -> None:
    """Somebody in the text of a row that is nobody's: nothing is erased, and the column is named without the person."""
    scenario = {column.name: None for column in METADATA.tables["exec_scenarios"].columns}
    moment = staff.rows("hr_roster", but=())[0]["valid_from"]
    scenario |= {"id": "s", "name": "Sales", "archived": False, "fetched_at": moment, "run_id": "r"}
    scenario["description"] = "Ask Ann 0042 Lee 0042"
    staff.warehouse.write((METADATA.tables["exec_scenarios"].insert(), [scenario]))
    before = content(staff)
    name_in_file(staff, employee_ids=["E0042"])
    text = failure_text(erase(staff))
    assert "exec_scenarios.description (1 rows)" in text
    assert "0042" not in text
    assert content(staff) == before


def test_an_address_of_two_people_names_neither(staff: Company) -> None:
    """Its former holder's, then another's: the ids decide, and `only` follows nothing else."""
    staff.hr({"E0042": {"email": "desk@acme.example"}})
    assert staff.sync().success
    staff.hr({"E0042": {"email": "new@acme.example"}, "E0043": {"email": "desk@acme.example"}})
    assert staff.sync().success
    name_in_file(staff, employee_ids=["E0042"])
    assert "leads to 2 people" in failure_text(erase(staff))
    name_in_file(staff, employee_ids=["E0042"], emails=["new@acme.example"], only=True)
    assert erase(staff).success
    assert {row["employee_id"] for row in staff.rows("hr_roster")} == {f"E{n:04d}" for n in range(1, 121)} - {"E0042"}


def test_a_namesake_stays(staff: Company) -> None:
    """Two people of one name: the other's rows are counted, and stay."""
    staff.hr({"E0043": {"first_name": "Ann 0042", "last_name": "Lee 0042"}})
    assert staff.sync().success
    name_in_file(staff, employee_ids=["E0042"])
    result = erase(staff)
    assert result.success
    assert counts(result)["namesakes_in_hr_roster"] == 1
    assert [row["first_name"] for row in staff.rows("hr_roster") if row["employee_id"] == "E0043"][-1] == "Ann 0042"


def test_a_row_that_nobody_could_read_goes_too(staff: Company) -> None:
    """It names the person and no id; and what Sparkwise has said of a colleague hides them."""
    name = {"first_name": "Jürgen", "last_name": "Öztürk"}
    staff.hr({"E0042": name, "E0043": {"last_name": "Bee"}})
    staff.write([*staff.people.values(), {**name, "status": "active"}])
    staff.sandbox.fault("/users", method="PUT", refuse_users={"E0043": "ask JÜRGEN ÖZTÜRK (E0042)"})
    assert staff.sync().success
    assert len(staff.rows("rejected_rows")) == 1
    name_in_file(staff, employee_ids=["E0042"])
    assert erase(staff).success
    assert staff.rows("rejected_rows") == []
    assert [row["error"] for row in staff.rows("user_sync_outcome") if row["error"]] == ["ask [hidden] ([hidden])"]


def test_the_lead_of_all_is_no_longer_mentioned(staff: Company) -> None:
    """Whoever stands in others' rows is taken out of these; their account stays as it is, and HR may list them on."""
    name_in_file(staff, employee_ids=["E0001"])
    assert erase(staff).success
    assert {row["manager_id"] for row in staff.rows("hr_roster")} == {None}
    staff.forget()
    assert staff.sync().success
    assert {row["manager_id"] for row in staff.rows("hr_roster")} == {None}
    assert staff.sent() == []
    assert staff.accounts["E0001"]["active"]


def test_an_erasure_is_lifted(staff: Company) -> None:
    """By the same file: the next load brings the person again."""
    name_in_file(staff, employee_ids=["E0042"], emails=["ann0042@acme.example"])
    assert erase(staff).success
    assert erase(staff, lift=True).success
    assert staff.sync().success
    assert [row["employee_id"] for row in staff.rows("hr_roster") if row["employee_id"] == "E0042"] == ["E0042"]


def test_a_lift_has_no_rehearsal(staff: Company) -> None:
    """Whoever asks for both is asked back, before anything is looked at."""
    name_in_file(staff, employee_ids=["E0042"])
    assert "choose one" in failure_text(erase(staff, lift=True, rehearse=True))


def test_nothing_is_erased_while_others_run(staff: Company) -> None:
    """A load that is under way may have listed the person already."""
    job = defs.resolve_job_def("purge")
    other = staff.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    name_in_file(staff, employee_ids=["E0042"])
    assert other.run_id in failure_text(erase(staff))
    assert not staff.rows("erased_people")


def test_what_exec_counts_of_the_erased_is_no_mistake(house: House) -> None:
    """Its summary has them still: the check says so, and holds nothing up."""
    assert house.run("exec_scenarios", "exec_participant_analytics", first=FIRST, last=LAST).success
    row = house.rows("exec_participant_analytics")[-1]
    name_in_file(house, exec_user_ids=[row["user_id"]])
    assert erase(house).success
    start = datetime.combine(row["partition_date"], time(), UTC)
    day = DayWindow(str(row["partition_date"]), row["partition_date"], start, start + timedelta(days=1))
    with house.resources() as resources:
        found = compared(resources["exec_com"].api, resources["warehouse"], day, row["scenario_id"])
    assert found.passed
    assert "also counts people who were erased" in str(found.description)


@pytest.mark.parametrize(
    "told", ["", "emails = 'ann@acme.example'", "who = ['ann@acme.example']", "ann@acme.example", "names = 5"]
)
def test_a_file_that_names_nobody_is_refused(staff: Company, told: str) -> None:
    """With what would be valid, and without a word of the file."""
    Path(staff.environment["ERASE_PERSON_FILE"]).write_text(told)
    text = failure_text(erase(staff))
    assert "employee_ids" in text
    assert "ann" not in text.lower().replace("cannot", "")
