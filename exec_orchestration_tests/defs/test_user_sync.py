"""The user sync as a whole: HR's file in, Sparkwise's accounts out, and nothing sent that should not be.

What was sent is told by the sandbox's own log, not by what the house says of itself.
"""

import math
import shlex
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pandas as pd
import pytest
import sqlalchemy as sa
import yaml

from exec_orchestration.definitions import defs
from exec_orchestration.tables.sync import user_sync_plan
from exec_orchestration_tests.defs.conftest import HR_COLUMNS, Company, MakeCompany, check, failure_text

APPLY, UNDO, EXPLAIN = "user_sync_apply", "user_sync_undo", "user_sync_explain"


def ids(*numbers: int) -> list[str]:
    """The employee ids of these people."""
    return [f"E{number:04d}" for number in numbers]


# Of the people 20 to 49 every sixth goes first.
CANARY = ids(*range(20, 50, 6))
AFTER_CANARY = [name for name in ids(*range(20, 50)) if name not in CANARY]


def leavers(numbers: Collection[int]) -> dict[str, dict[str, str]]:
    """What HR writes of people who have left."""
    return {employee_id: {"status": "terminated"} for employee_id in ids(*numbers)}


def after_the_first(company: Company) -> Company:
    """The company once a first sync has gone through, with an empty log."""
    assert company.sync().success
    company.forget()
    return company


def held(company: Company) -> str:
    """The fingerprint by which the newest plan's held changes are approved."""
    return str(company.metadata("user_sync_plan")["plan_fingerprint"])


def newest_plan(company: Company) -> str:
    """The id of the plan made last."""
    return str(company.metadata("user_sync_plan")["plan_id"])


def told(result: Any) -> str:
    """Why a run failed."""
    assert not result.success
    return failure_text(result)


def approval_in(command: str) -> tuple[str, dict[str, str]]:
    """The job and the config of a printed command."""
    words = shlex.split(command)
    return words[words.index("-j") + 1], yaml.safe_load(words[1])


def log_of(company: Company, result: Any) -> str:
    """What a run's steps wrote to its log."""
    return "\n".join(entry.user_message for entry in company.instance.all_logs(result.run_id))


# Limits and approval


def test_a_first_sync_creates_and_updates_and_holds_every_leaver(company_on_both: Company) -> None:
    """It is green, with a warning that names counts, the rule and the very command that approves; leavers stay on."""
    company = company_on_both
    company.somebody_edits({"E0002": None, "E0003": {"lastName": "Old"}})
    company.hr({"E0004": None, **leavers([5])})
    result = company.sync()
    assert result.success
    assert company.sent() == [("PUT", ids(2, 3))]
    assert company.is_as_hr_asks(but=ids(4, 5))
    assert [company.accounts[name]["active"] for name in ids(4, 5)] == [True, True]
    warning = check(result, "within_limits")
    assert (warning.passed, warning.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "2 changes wait: the first sync switches nobody off, and 2 would be" in warning.description
    assert f"-j {APPLY}" in warning.description
    assert held(company) in warning.description
    assert company.metadata("user_sync_plan")["approve_with"] in warning.description
    assert [row["is_held"] for row in company.planned("deactivate").values()] == [True, True]
    assert company.results() == {"E0002": ["applied"], "E0003": ["applied"]}
    assert check(result, "everybody_is_answered").passed
    assert check(result, "no_drift").passed


def test_the_printed_command_is_one_that_works(company: Company) -> None:
    """The job takes the YAML that it writes, in which even a fingerprint of digits only is a text."""
    company.hr(leavers([5]))
    assert company.sync().success
    command = company.metadata("user_sync_plan")["approve_with"]
    echo, config, redirect, target, *rest = shlex.split(command.replace(held(company), "0123456789012345"))
    assert (echo, redirect, target, rest[-1]) == ("echo", ">", "approval.yaml", "approval.yaml")
    assert yaml.safe_load(config) == {"plan_fingerprint": "0123456789012345"}
    assert company.sync(*approval_in(command)).success
    assert company.is_as_hr_asks()


def test_an_approval_sends_exactly_what_was_held(company_on_both: Company) -> None:
    """Seven leavers where six are allowed: the rest goes on; approved, those seven are sent and nobody else."""
    company = after_the_first(company_on_both)
    company.hr({**leavers(range(11, 18)), "E0020": {"last_name": "Newname"}, "E0901": {}})
    result = company.sync()
    assert result.success
    assert company.sent() == [("PUT", ["E0020", "E0901"])]
    assert "7 of 120 accounts would be switched off, and 6 are allowed" in check(result, "within_limits").description
    assert company.metadata("user_sync_plan")["waiting"] == 7
    company.forget()
    assert company.sync(APPLY, {"plan_fingerprint": held(company)}).success
    assert sorted(company.sent_to("DELETE")) == ids(*range(11, 18))
    assert company.sent_to("PUT") == []
    assert company.is_as_hr_asks()
    company.forget()
    assert company.sync().success
    assert company.sent() == []


def test_limits_cannot_be_raised_for_the_first_sync(company: Company) -> None:
    """Whoever sets up the sync looks at its leavers before any of them goes."""
    company.hr(leavers([11]))
    assert company.sync(config=raised(max_deactivations=1000, max_deactivation_share=1.0)).success
    assert company.sent() == []


def test_a_company_without_accounts_gets_them_all(company: Company) -> None:
    """Creations have no limit; afterwards everybody has exactly one account."""
    company.somebody_edits(dict.fromkeys(company.people))
    company._put_accounts([])
    assert company.sync().success
    assert company.is_as_hr_asks()
    assert len(company.all_accounts) == 120
    assert company.sync().success
    assert sorted(company.sent_to("PUT")) == sorted(company.people)


def test_at_the_limit_leavers_go_by_themselves(company: Company) -> None:
    """Six of 120 is 5 %."""
    company = after_the_first(company)
    company.hr(leavers(range(11, 17)))
    result = company.sync()
    assert check(result, "within_limits").passed
    assert company.sent_to("DELETE") == ids(*range(11, 17))
    assert company.is_as_hr_asks()


@pytest.mark.parametrize(
    ("edits", "changed"),
    [
        ({"E0013": {"status": "active"}}, "1 are no longer asked for (deactivate E0013)"),
        ({"E0040": {"status": "terminated"}}, "1 are new (deactivate E0040)"),
        ({"E0013": {"status": "active"}, "E0040": {"status": "terminated"}}, "(deactivate E0013), 1 are new"),
    ],
)
def test_an_approval_that_is_no_longer_true_sends_nothing(
    company: Company, edits: dict[str, dict[str, str]], changed: str
) -> None:
    """Someone back, or someone new among the leavers: it says who, and not even a rename is sent."""
    company = after_the_first(company)
    company.hr(leavers(range(11, 18)))
    assert company.sync().success
    approved = held(company)
    company.forget()
    company.hr({**edits, "E0020": {"last_name": "Newname"}})
    text = told(company.sync(APPLY, {"plan_fingerprint": approved}))
    assert f"What was approved as {approved} is no longer true" in text
    assert changed in text
    assert "Nothing was sent" in text
    assert company.sent() == []
    newest = max(company.rows("user_sync_plan"), key=lambda row: row["planned_at"])
    assert newest["plan_id"] in text
    assert str(newest["plan_fingerprint"] or "holds nothing back") in text


def test_an_approval_may_be_used_once(company: Company) -> None:
    """Used again after it went through, it is no longer true; the company is as HR asks for."""
    company = after_the_first(company)
    company.hr(leavers(range(11, 18)))
    assert company.sync().success
    approved = held(company)
    assert company.sync(APPLY, {"plan_fingerprint": approved}).success
    company.forget()
    assert "7 are no longer asked for" in told(company.sync(APPLY, {"plan_fingerprint": approved}))
    assert company.sent() == []
    assert company.is_as_hr_asks()


def test_an_approval_that_expired_or_is_unknown_sends_nothing(company: Company) -> None:
    """It says until when it was valid, and which plan to look at."""
    company = after_the_first(company)
    company.hr(leavers(range(11, 18)))
    assert company.sync().success
    approved = held(company)
    company.forget()
    text = told(company.sync(APPLY, {"plan_fingerprint": "feedfacefeedface"}))
    assert "No plan holds changes back under the fingerprint feedfacefeedface" in text
    yesterday = datetime(2026, 1, 20, 8, 15, tzinfo=UTC)
    with company.warehouse.engine.begin() as connection:
        connection.execute(user_sync_plan.update().values(expires_at=yesterday))
    text = told(company.sync(APPLY, {"plan_fingerprint": approved}))
    assert "could be approved until 2026-01-20 08:15 UTC" in text
    assert company.sent() == []
    assert not company.is_as_hr_asks()


def test_more_than_thirty_percent_never_go_even_when_approved(company: Company) -> None:
    """37 of 120 wait, and neither an approval nor raised limits send them; 36 may be approved."""
    company = after_the_first(company)
    company.hr({**leavers(range(11, 48)), "E0050": {"last_name": "Newname"}})
    assert company.sync().success
    assert company.sent() == [("PUT", ["E0050"])]
    company.forget()
    text = told(company.sync(APPLY, {"plan_fingerprint": held(company)}))
    assert "more than 36 (30%) are never switched off in one run" in text
    assert company.sync("user_sync", raised(max_deactivations=1000, max_deactivation_share=1.0)).success
    assert company.sent() == []
    company.hr({"E0011": {"status": "active"}})
    assert company.sync().success
    assert company.sync(APPLY, {"plan_fingerprint": held(company)}).success
    assert len(company.sent_to("DELETE")) == 36
    assert company.is_as_hr_asks()


def raised(**limits: float) -> dict[str, Any]:
    """The config of a `user_sync` with limits of its own."""
    return {"ops": {"plan_and_send": {"config": limits}}}


def test_limits_are_raised_for_one_run(company: Company) -> None:
    """Ten leavers go where ten are allowed for this run; the next run is back at the settings."""
    company = after_the_first(company)
    company.hr(leavers(range(11, 21)))
    assert company.sync(config=raised(max_deactivations=10)).success
    assert company.sent() == [], "5 % still holds"
    result = company.sync(config=raised(max_deactivations=10, max_deactivation_share=0.1))
    assert check(result, "within_limits").passed
    assert sorted(company.sent_to("DELETE")) == ids(*range(11, 21))
    company.forget()
    company.hr(leavers(range(31, 38)))
    assert company.sync().success
    assert company.sent() == []
    assert company.metadata("user_sync_plan")["waiting"] == 7


def test_raised_limits_beside_an_approval_are_for_the_others(company: Company) -> None:
    """Somebody who left since then goes too where the approval says so."""
    company = after_the_first(company)
    company.hr(leavers(range(11, 18)))
    assert company.sync().success
    company.hr(leavers([40]))
    limits = {"max_deactivations": 20, "max_deactivation_share": 0.2}
    assert company.sync(APPLY, {"plan_fingerprint": held(company), "raise_limits": limits}).success
    assert sorted(company.sent_to("DELETE")) == ids(*range(11, 18), 40)


def test_one_field_for_everybody_waits_with_the_leavers(company: Company) -> None:
    """A last name that changes for 36 of 120 is taken for a wrong mapping; approved, it is sent."""
    company = after_the_first(company)
    company.hr({employee_id: {"last_name": "Oops"} for employee_id in ids(*range(2, 38))} | {"E0901": {}})
    result = company.sync()
    assert company.sent() == [("PUT", ["E0901"])]
    warning = check(result, "within_limits").description
    assert "36 changes wait: last_name would change" in warning
    assert "36 of 120" in warning
    assert company.sync(APPLY, {"plan_fingerprint": held(company)}).success
    assert company.is_as_hr_asks()


def test_ids_written_in_another_way_send_nothing(company: Company) -> None:
    """All are absent and as many are new: nobody is created and nobody switched off."""
    company = after_the_first(company)
    company.people = {f"X{name}": {**person, "employee_id": f"X{name}"} for name, person in company.people.items()}
    company.hr({})
    result = company.sync()
    assert result.success
    assert company.sent() == []
    assert "employee ids that are written in another way" in check(result, "within_limits").description


def test_a_first_sync_without_a_change_was_a_sync(company: Company) -> None:
    """After it, leavers within the limits go; a rehearsal in between changes nothing about that."""
    company = after_the_first(company)
    company.hr(leavers([11]))
    assert company.run("hr_roster", "user_sync_plan").success
    assert company.sync().success
    assert company.sent_to("DELETE") == ["E0011"]


# Refusals before anything is asked of Sparkwise


def first_rows(company: Company, count: int) -> None:
    company.write(list(company.people.values())[:count])


def renamed_header(company: Company) -> None:
    company.write(
        [{**person, "personnel_no": person["employee_id"]} for person in company.people.values()],
        columns=("personnel_no", *HR_COLUMNS[1:]),
    )


def another_encoding(company: Company) -> None:
    company.hr({"E0007": {"last_name": "Müller"}, "E0008": {"last_name": "Çelik"}})
    company.roster.write_bytes(company.roster.read_text().encode("latin-1"))


def every_row_invalid(company: Company) -> None:
    company.write([{**person, "status": "here"} for person in company.people.values()])


def two_in_hundred_duplicates(company: Company) -> None:
    people = list(company.people.values())
    company.write([*people, *people[10:13]])


@pytest.mark.parametrize(
    ("spoil", "reasons"),
    [
        (lambda company: company.roster.write_text(""), ["is empty: 0 rows"]),
        (lambda company: company.write([]), ["it is empty: 0 rows under the header, and 120 last time"]),
        (renamed_header, ["the required column employee_id is missing", "personnel_no"]),
        (another_encoding, ["is not in UTF-8: 2 lines cannot be decoded", "line 8", "line 9"]),
        (lambda company: first_rows(company, 48), ["shrank by 60.0%, from 120 people to 48 (72 fewer", '["shrink"]']),
        (every_row_invalid, ["120 of 120 rows cannot be read (100.0%, and 1% is allowed)", "'here'"]),
        (two_in_hundred_duplicates, ["3 employee_ids of 123 rows are duplicates", "'E0011' on lines 12, 122"]),
        (lambda company: company.roster.unlink(), ["does not exist", "HR_ROSTER_URL"]),
        (lambda company: company.roster.write_bytes(b"PAR1 and no more"), ["is not a Parquet file"]),
    ],
)
def test_a_roster_like_an_accident_is_refused_before_any_request(
    company: Company, spoil: Callable[[Company], object], reasons: list[str]
) -> None:
    """The refusal says why, by name and number; Sparkwise is not even asked, and the last roster still holds."""
    company = after_the_first(company)
    before = company.rows("hr_roster"), company.rows("hr_roster_reads")
    spoil(company)
    text = told(company.sync())
    assert [reason for reason in reasons if reason not in text] == [], text
    assert "othing was sent to Sparkwise" in text
    assert "\n" not in text
    assert company.sandbox.log.entries() == []
    assert (company.rows("hr_roster"), company.rows("hr_roster_reads")) == before
    company.hr({})
    assert company.sync().success
    assert company.is_as_hr_asks()


def test_the_first_roster_of_all_is_judged_too(company: Company) -> None:
    """Without a last one to compare with, a renamed header still makes nobody a leaver."""
    renamed_header(company)
    assert "the required column employee_id is missing" in told(company.sync())
    assert company.sandbox.log.entries() == []
    assert company.rows("user_sync_plan") == []


def test_what_somebody_accepts_goes_through_once(company: Company) -> None:
    """A shrink that HR meant is accepted for one run; its leavers are within no limit, so they wait."""
    company = after_the_first(company)
    first_rows(company, 100)
    assert "if so many left" in told(company.sync())
    result = company.sync(config={"ops": {"hr_roster": {"config": {"accept": ["shrink"]}}}})
    assert result.success
    assert company.sent() == []
    assert company.metadata("user_sync_plan")["waiting"] == 20
    text = told(company.sync(config={"ops": {"hr_roster": {"config": {"accept": ["shrunk"]}}}}))
    assert "accept holds shrunk; valid are columns, older, shrink" in text


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"HR_ROSTER_URL": "sqlite:///hr.db"}, "HR_ROSTER_QUERY is not set"),
        ({"HR_ROSTER_URL": "postgresql+psycopg://hr:secret@127.0.0.1/hr"}, "HR_ROSTER_QUERY is not set"),
        ({"HR_ROSTER_URL": "sqlite:///{folder}/hr.db", "HR_ROSTER_QUERY": "SELECT * FROM gone"}, "no such table: gone"),
        ({"HR_ROSTER_URL": "gopher://files/roster.csv"}, "cannot be read"),
        ({"HR_ROSTER_MAPPING": "{folder}/gone.toml"}, "HR_ROSTER_MAPPING names a file that cannot be read"),
        ({"USER_SYNC_MAX_DEACTIVATIONS": "-1"}, "USER_SYNC_MAX_DEACTIVATIONS cannot be used"),
        ({"USER_SYNC_REACTIVATE_ALL": "maybe"}, "USER_SYNC_REACTIVATE_ALL cannot be used"),
        ({"SPARKWISE_API_KEY": ""}, "SPARKWISE_API_KEY is not set"),
        ({"PARTITIONS_TIMEZONE": "Mars/Olympus"}, "PARTITIONS_TIMEZONE cannot be used"),
    ],
)
def test_a_setting_that_does_not_fit_sends_nothing(
    company: Company, tmp_path: Path, settings: dict[str, str], reason: str
) -> None:
    """It is named, without a password, and nobody is written to though somebody would be."""
    company = after_the_first(company)
    company.hr({"E0020": {"last_name": "Newname"}})
    text = told(company.sync(**{name: value.format(folder=tmp_path) for name, value in settings.items()}))
    assert reason in text
    assert "secret" not in text
    assert company.sent() == []


# Other sources


def test_the_roster_may_be_a_query(company_on_both: Company, tmp_path: Path) -> None:
    """A SELECT in HR's own database is synced like the file, and its password is nowhere."""
    company = after_the_first(company_on_both)
    company.hr({"E0020": {"last_name": "Newname"}, **leavers([11])})
    url = f"sqlite:///{tmp_path}/hr.db"
    pd.DataFrame(company.people.values()).to_sql("staff", sa.create_engine(url))
    query = "SELECT employee_id, email, first_name, last_name, status, start_date, department, location, manager_id "
    assert company.sync(
        config={"ops": {"hr_roster": {"config": {"accept": ["columns"]}}}},
        HR_ROSTER_URL=url,
        HR_ROSTER_QUERY=f"{query} FROM staff",
    ).success
    assert company.sent() == [("PUT", ["E0020"]), ("DELETE", ["E0011"])]
    assert company.is_as_hr_asks()
    assert company.rows("hr_roster_reads")[-1]["source"] == url


def test_the_roster_may_be_a_parquet_file(company: Company, tmp_path: Path) -> None:
    """Typed columns, a number as id among them, are the same people as in the CSV file."""
    company = after_the_first(company)
    company.hr({"E0020": {"last_name": "Newname"}, "E0021": {"end_date": "2026-01-31"}})
    frame = pd.DataFrame(company.people.values(), columns=HR_COLUMNS)
    for name in ("start_date", "end_date"):
        frame[name] = pd.to_datetime(frame[name])
    frame.to_parquet(tmp_path / "roster.parquet")
    assert company.sync(HR_ROSTER_URL=str(tmp_path / "roster.parquet")).success
    assert company.sent() == [("PUT", ["E0020"]), ("DELETE", ["E0021"])]
    (version,) = [row for row in company.rows("hr_roster") if row["employee_id"] == "E0021" and not row["valid_to"]]
    assert (version["start_on"], version["end_on"]) == (date(2024, 1, 31), date(2026, 1, 31))


MAPPING = """
date_format = "%d.%m.%Y"

[columns]
"Personnel no." = "employee_id"
"Surname" = "last_name"

[status]
"Here" = "active"
"Gone" = "terminated"
"On sabbatical" = "leave"
"""


def test_a_mapping_turns_their_words_into_ours(company: Company, tmp_path: Path) -> None:
    """Their columns, status words and dates; whoever has a status that nobody mapped is left alone."""
    company = after_the_first(company)
    company.hr({**leavers([11]), "E0012": {"status": "leave"}, "E0013": {"end_date": "2026-01-31"}})
    company.hr({"E0014": {"status": "elsewhere", "last_name": "Newname"}, "E0020": {"last_name": "Newname"}})
    (tmp_path / "mapping.toml").write_text(MAPPING)
    text = company.roster.read_text()
    for ours, theirs in {
        "employee_id": "Personnel no.",
        "last_name": "SURNAME ",
        ",active,": ",Here,",
        ",terminated,": ",Gone,",
        ",leave,": ",On sabbatical,",
        "2024-01-31": "31.01.2024",
        "2026-01-31": "31.01.2026",
    }.items():
        text = text.replace(ours, theirs)
    company.roster.write_text(text)
    assert company.sync(HR_ROSTER_MAPPING=str(tmp_path / "mapping.toml")).success
    assert company.sent() == [("PUT", ["E0020"]), ("DELETE", ids(11, 13))]
    (bad,) = company.rows("rejected_rows")
    assert "'elsewhere' is none of active, leave, prehire, terminated; map it in HR_ROSTER_MAPPING" in bad["reason"]


# People who are left alone


def test_one_bad_row_leaves_one_person_alone(company_on_both: Company) -> None:
    """The others are synced; the row is in rejected_rows with its reason, the account is not written to."""
    company = after_the_first(company_on_both)
    company.hr({"E0010": {"status": "vacationing", "last_name": "Badrow"}, "E0020": {"last_name": "Newname"}})
    result = company.sync()
    assert result.success
    assert company.sent() == [("PUT", ["E0020"])]
    (row,) = company.rows("rejected_rows")
    assert row["asset"] == "hr_roster"
    assert "line 11: status 'vacationing' is none of" in row["reason"]
    assert row["payload"]["employee_id"] == "E0010"
    warning = check(result, "every_row_is_good")
    assert (warning.passed, warning.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 of 120 rows could not be used" in warning.description
    assert list(company.planned("blocked")) == ["E0010"]
    assert company.is_as_hr_asks(but=["E0010"])
    assert company.accounts["E0010"]["lastName"] == "Lee 0010"
    company.hr({"E0010": {"status": "active", "last_name": "Mended"}})
    assert company.sync().success
    assert company.rows("rejected_rows") == []
    assert company.is_as_hr_asks()


def test_blocked_protected_and_duplicate_people_are_not_written_to(company_on_both: Company) -> None:
    """Whatever HR or Sparkwise say of them; strangers are not even planned."""
    company = after_the_first(company_on_both)
    company.hr({"E0030": {"last_name": "Newname"}, "E0031": None, "E0020": {"last_name": "Newname"}, **leavers([32])})
    rows = list(company.people.values())
    rows.append({**company.people["E0021"], "last_name": "Another"})
    company.write(rows)
    accounts = company.accounts
    twin = {**accounts["E0022"], "id": "twin", "lastName": "Twin"}
    accounts["E0023"] |= {"active": False}
    company._put_accounts([*accounts.values(), twin, *company.strangers])
    before = {name: account for name, account in company.accounts.items() if name not in ("E0020",)}
    strangers = company.strangers
    assert company.sync(USER_SYNC_PROTECTED="E0030, E0031,E0032").success
    assert company.sent() == [("PUT", ["E0020"])]
    assert {name: account for name, account in company.accounts.items() if name not in ("E0020",)} == before
    assert company.strangers == strangers
    blocked = company.planned("blocked")
    assert sorted(blocked) == ids(21, 22, 23, 30, 31, 32)
    reasons = [blocked[name]["reason"] for name in sorted(blocked)]
    for reason, part in zip(
        reasons,
        (
            "employee_id 'E0021' also stands on line 22",
            "2 accounts have this remote id",
            "switched off by somebody else, and stays so",
            "HR asks for update",
            "HR asks for deactivate",
            "HR asks for deactivate",
        ),
        strict=True,
    ):
        assert part in reason


def test_an_account_that_cannot_be_read_is_not_taken_for_missing(company: Company) -> None:
    """Where rejected rows are allowed, its person is blocked: a write could switch on what somebody switched off."""
    company = after_the_first(company)
    company.hr({"E0020": {"last_name": "Newname"}})
    company.sandbox.fault("/users", method="GET", set_field={"active": None}, index=3)
    assert "active must be present" in told(company.sync())
    assert company.sync(MAX_REJECTED_ROWS="1").success
    assert company.sent() == [("PUT", ["E0020"])]
    (blocked,) = company.planned("blocked").values()
    assert "Sparkwise's account cannot be read: active must be present" in blocked["reason"]


def test_who_was_switched_off_by_us_comes_back(company: Company) -> None:
    """A rehire is switched on again; somebody whom a person switched off only where the settings say so."""
    company = after_the_first(company)
    company.hr(leavers([11]))
    assert company.sync().success
    company.somebody_edits({"E0012": {"active": False}})
    company.hr({"E0011": {"status": "active"}})
    company.forget()
    assert company.sync().success
    assert company.sent() == [("PUT", ["E0011"])]
    assert list(company.planned("reactivate")) == ["E0011"]
    company.forget()
    assert company.sync(USER_SYNC_REACTIVATE_ALL="true").success
    assert company.sent() == [("PUT", ["E0012"])]
    assert company.is_as_hr_asks()


def test_a_person_leaves_at_the_end_of_the_last_day(company: Company) -> None:
    """In the zone of the partitions; leave keeps an account, and a prehire waits for the first day."""
    company = after_the_first(company)
    today = datetime.now(UTC).date()
    company.hr(
        {
            "E0011": {"end_date": str(today)},
            "E0012": {"end_date": str(today - timedelta(days=1))},
            "E0013": {"status": "leave"},
            "E0901": {"status": "prehire", "start_date": str(today + timedelta(days=3))},
        }
    )
    assert company.sync().success
    assert company.sent() == [("DELETE", ["E0012"])]
    company.forget()
    assert company.sync(USER_SYNC_LEAD_DAYS="3").success
    assert company.sent() == [("PUT", ["E0901"])]


# Vendor trouble


def test_a_domain_that_is_not_trusted_waits_for_hr(make_company: MakeCompany, warehouse_url: str) -> None:
    """Refused for good: told with Sparkwise's words, not sent again until HR's row changes, others unharmed."""
    company = make_company(url=warehouse_url, trusted_domains=frozenset({"nowhere.example"}))
    company.hr({"kim@bad.example": {}, "E0901": {}})
    result = company.sync()
    assert result.success
    assert company.results() == {"E0901": ["applied"], "kim@bad.example": ["refused"]}
    warning = check(result, "everybody_is_answered")
    assert not warning.passed
    assert "outside of the trusted domains: bad.example" in warning.description
    company.forget()
    result = company.sync()
    assert company.sent() == []
    (reason,) = [row["reason"] for row in company.planned("blocked").values()]
    assert "Sparkwise refused it: User is outside of the trusted domains: bad.example" in reason
    assert check(result, "no_drift").passed
    assert "Not counted are 0 people who wait and 1 who are blocked" in check(result, "no_drift").description
    company.hr({"kim@bad.example": {"email": "kim@good.example"}})
    assert company.sync().success
    assert company.sent_to("PUT") == ["kim@bad.example"]


def test_a_passing_refusal_is_tried_again_in_the_same_run(company: Company) -> None:
    """The person is sent a second time, alone, and applied; both attempts are on record."""
    company = after_the_first(company)
    company.hr({"E0020": {"last_name": "Newname"}, "E0021": {"last_name": "Newname"}})
    company.sandbox.fault("/users", method="PUT", refuse_users={"E0021": "Temporarily unavailable"}, times=1)
    result = company.sync()
    assert check(result, "everybody_is_answered").passed
    assert company.sent() == [("PUT", ids(20, 21)), ("PUT", ["E0021"])]
    assert company.results()["E0021"] == ["failed", "applied"]
    assert company.is_as_hr_asks()


@pytest.mark.parametrize(("action", "sent_again"), [("skip_users", ["E0021"]), ("omit_users", [])])
def test_who_comes_back_in_neither_list_is_looked_up(
    company_on_both: Company, action: str, sent_again: list[str]
) -> None:
    """Read back, a write that happened is applied, and one that did not is sent again by the next run."""
    company = after_the_first(company_on_both)
    company.hr({name: {"last_name": "Newname"} for name in ids(20, 21, 22)})
    company.sandbox.fault("/users", method="PUT", **{action: ["E0021"]})
    result = company.sync()
    assert result.success
    assert company.results()["E0020"] == ["applied"]
    assert company.results()["E0021"] == (["unknown"] if sent_again else ["applied"])
    assert check(result, "everybody_is_answered").passed == (not sent_again)
    assert ("neither list" in check(result, "everybody_is_answered").description) == bool(sent_again)
    assert check(result, "no_drift").passed == (not sent_again)
    company.forget()
    assert company.sync().success
    assert company.sent_to("PUT") == sent_again
    assert company.is_as_hr_asks()


def test_a_batch_refused_for_one_person_reaches_the_others(company: Company) -> None:
    """It is halved until that person is alone; everybody else is applied, and that person waits for HR."""
    company = after_the_first(company)
    company.hr({name: {"last_name": "Newname"} for name in ids(*range(20, 50))})
    company.sandbox.fault("/users", method="PUT", body_contains='"E0042"', status=400)
    result = company.sync()
    assert result.success
    results = company.results()
    assert results.pop("E0042") == ["refused"]
    assert results == {name: ["applied"] for name in ids(*range(20, 50)) if name != "E0042"}
    assert company.is_as_hr_asks(but=["E0042"])
    assert "E0042: update is refused" in check(result, "everybody_is_answered").description
    company.forget()
    assert company.sync().success
    assert company.sent() == []
    assert list(company.planned("blocked")) == ["E0042"]


def test_a_key_refused_in_the_middle_stops_there(company_on_both: Company) -> None:
    """What was answered is on record, the message names the key; with a good key the next run does the rest."""
    company = after_the_first(company_on_both)
    company.hr({name: {"last_name": "Newname"} for name in ids(*range(20, 50))})
    company.sandbox.fault("/users", method="PUT", status=401, skip=1)
    text = told(company.sync())
    assert "The sync stopped at 5 of 30 changes" in text
    assert "check SPARKWISE_API_KEY" in text
    assert "run user_sync again" in text
    results = company.results()
    assert [results[name] for name in CANARY] == [["applied"]] * 5
    assert [results[name] for name in AFTER_CANARY] == [["failed"]] * 25
    company.forget()
    assert company.sync().success
    assert sorted(company.sent_to("PUT")) == AFTER_CANARY
    assert company.is_as_hr_asks()
    assert company.results()["E0030"] == ["failed", "applied"]


def test_accounts_that_cannot_be_listed_stop_before_anything_is_sent(company: Company) -> None:
    """Nobody is written to on a listing that is not whole."""
    company = after_the_first(company)
    company.hr({"E0020": {"last_name": "Newname"}})
    company.sandbox.fault("/users", method="GET", short_page=1)
    assert "the listing moved while it was read" in told(company.sync())
    assert company.sent() == []


def test_what_was_answered_stands_though_nobody_can_look_afterwards(company_on_both: Company) -> None:
    """The run fails at its second listing; the outcome is on record, and the next run has nothing to send."""
    company = after_the_first(company_on_both)
    company.hr({"E0020": {"last_name": "Newname"}})
    company.sandbox.fault("/users", method="GET", status=401, skip=1)
    assert "check SPARKWISE_API_KEY" in told(company.sync())
    assert company.results() == {"E0020": ["applied"]}
    company.forget()
    assert company.sync().success
    assert company.sent() == []


class Died(BaseException):
    """What no room of the house catches, as nothing catches a kill."""


class Dying(httpx.BaseTransport):
    """Dies at the second write, before or after Sparkwise has got it."""

    def __init__(self, inner: httpx.BaseTransport, *, before: bool) -> None:
        self.inner = inner
        self.is_before = before
        self.writes = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.writes += request.method == "PUT"
        if self.writes == 2 and self.is_before:
            raise Died
        response = self.inner.handle_request(request)
        if self.writes == 2:
            raise Died
        return response


@pytest.mark.parametrize("before", [True, False])
def test_a_run_that_dies_is_taken_up_where_it_was(company_on_both: Company, before: bool) -> None:
    """Whoever was only about to be sent is looked up: sent again where it never arrived, applied where it did."""
    company = after_the_first(company_on_both)
    company.hr({name: {"last_name": "Newname"} for name in ids(*range(20, 50))})
    alive = company.sandbox.transport
    company.sandbox.transport = Dying(alive, before=before)
    assert not company.sync().success
    company.sandbox.transport = alive
    results = company.results()
    assert [results[name] for name in ids(20, 25)] == [["applied"], ["sent"]]
    company.forget()
    assert company.sync().success
    assert sorted(company.sent_to("PUT")) == (AFTER_CANARY if before else [])
    assert company.results()["E0025"] == (["unknown", "applied"] if before else ["applied"])
    assert company.is_as_hr_asks()


@pytest.mark.parametrize("job", ["user_sync", EXPLAIN])
def test_while_another_run_is_in_the_middle_nothing_is_sent(company_on_both: Company, job: str) -> None:
    """The second run says so and stops, and goes through once the first has ended."""
    company = after_the_first(company_on_both)
    company.hr({"E0020": {"last_name": "Newname"}})
    config = {"ops": {"explain": {"config": {"employee_id": "E0020", "apply": True}}}} if job == EXPLAIN else {}
    with company.warehouse.alone("user_sync"):
        assert "Another run is in the middle of user_sync" in told(company.sync(job, config))
    assert company.sent() == []
    assert company.sync(job, config).success
    assert company.sent() == [("PUT", ["E0020"])]


class LosingLocks(httpx.BaseTransport):
    """The network, where the connection that holds the sync's lock breaks behind the first write."""

    def __init__(self, inner: httpx.BaseTransport, url: str) -> None:
        self.inner = inner
        self.url = url

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        if request.method == "PUT":
            engine = sa.create_engine(self.url)
            with engine.connect() as connection:
                connection.execute(BREAK_LOCKS)
            engine.dispose()
        return response


BREAK_LOCKS = sa.text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")


def test_a_sync_that_has_lost_its_lock_sends_nobody_any_more(company_on_both: Company) -> None:
    """As when the server was restarted: another sync may have begun. SQLite's lock is the process's own."""
    if company_on_both.warehouse.engine.dialect.name == "sqlite":
        return
    company = after_the_first(company_on_both)
    company.hr({name: {"last_name": "Newname"} for name in ids(*range(20, 50))})
    alive, url = company.sandbox.transport, company.warehouse.engine.url.render_as_string(hide_password=False)
    company.sandbox.transport = LosingLocks(alive, url)
    assert "could not lock user_sync" in told(company.sync())
    assert company.sent() == [("PUT", CANARY)]
    company.sandbox.transport = alive
    company.forget()
    assert company.sync().success
    assert sorted(company.sent_to("PUT")) == AFTER_CANARY
    assert company.is_as_hr_asks()


def test_errors_for_ever_stop_at_the_canary(company: Company) -> None:
    """Five people were asked for, nobody else; nothing was done, and the next run does it all."""
    company = after_the_first(company)
    company.is_patient = False
    company.hr({name: {"last_name": "Newname"} for name in ids(*range(20, 50))})
    company.sandbox.fault("/users", method="PUT", status=500)
    text = told(company.sync())
    assert "The sync stopped at 0 of 30 changes; 25 were not sent" in text
    assert "status 500" in text
    assert {*company.sent_to("PUT")} == {*CANARY}
    assert company.results() == {name: ["unknown"] for name in CANARY}
    company.forget()
    assert company.sync().success
    assert sorted(company.sent_to("PUT")) == ids(*range(20, 50))
    assert company.is_as_hr_asks()


@pytest.mark.parametrize("rule", [{"status": 500}, {"html": True}, {"malformed_json": True}, {"truncate": True}])
def test_three_batches_that_fail_in_a_row_stop_the_run(make_company: MakeCompany, rule: dict[str, Any]) -> None:
    """After the canary and one batch: nobody is assumed; the next run looks, and sends only what was not done."""
    company = after_the_first(make_company(people=120))
    company.is_patient = False
    company.hr({f"N{number:04d}": {} for number in range(905)})
    company.sandbox.fault("/users", method="PUT", skip=2, **rule)
    text = told(company.sync())
    assert "The sync stopped at 205 of 905 changes; 100 were not sent: 3 batches in a row failed" in text
    outcomes = [row["result"] for row in company.rows("user_sync_outcome")]
    assert {each: outcomes.count(each) for each in outcomes} == {"applied": 205, "unknown": 600}
    done = {name for entry in company.sandbox.log.entries() for name in entry.get("written", ())}
    company.forget()
    assert company.sync().success
    assert {*company.sent_to("PUT")} == {f"N{number:04d}" for number in range(905)} - done
    assert company.is_as_hr_asks()
    assert set(company.results()) == {f"N{number:04d}" for number in range(905)}
    assert all(results.count("applied") == 1 for results in company.results().values())


def test_an_account_that_is_off_already_counts_as_done(make_company: MakeCompany) -> None:
    """Sparkwise refuses to switch it off again; read back, that is what was wanted."""
    company = after_the_first(make_company(strict_deactivation=True))
    company.hr(leavers([11, 12]))
    company.sandbox.fault("/users", method="DELETE", omit_users=["E0011"], times=1)
    assert company.sync().success
    assert company.results() == {"E0011": ["applied"], "E0012": ["applied"]}
    assert company.is_as_hr_asks()


def test_accounts_may_be_switched_off_by_their_own_id(company: Company) -> None:
    """Where Sparkwise wants the account's id, it is sent in place of the remote id."""
    company = after_the_first(company)
    company.hr(leavers([11]))
    account = company.accounts["E0011"]["id"]
    company.sandbox.fault("/users", method="DELETE", body_contains=f'{{"id":"{account}"}}', status=418)
    assert "418" in told(company.sync(SPARKWISE_DEACTIVATE_BY="id"))


def test_after_full_success_nothing_is_sent(company_on_both: Company) -> None:
    """The second run lists the accounts once and writes nobody; all are kept as unchanged."""
    company = after_the_first(company_on_both)
    company.hr({"E0020": {"last_name": "Newname"}, **leavers([11])})
    assert company.sync().success
    company.forget()
    outcomes = company.rows("user_sync_outcome")
    result = company.sync()
    assert [(entry["method"], entry["path"]) for entry in company.sandbox.log.entries()] == [
        ("GET", "/sparkwise/users")
    ]
    assert company.rows("user_sync_outcome") == outcomes
    assert len(company.planned("unchanged")) == 120
    assert company.metadata("user_sync_outcome")["requests"] == 0
    assert all(each.passed for each in result.get_asset_check_evaluations())


# Requests


@pytest.mark.parametrize(("renamed", "left", "more"), [(280, 0, 0), (195, 0, 0), (0, 19, 0), (250, 19, 1), (0, 0, -1)])
def test_a_thousand_accounts_take_few_requests(make_company: MakeCompany, renamed: int, left: int, more: int) -> None:
    """Two listings of five pages, a canary, and as few batches as hold the rest; leavers need one of their own."""
    company = after_the_first(make_company(people=998))
    company.hr({name: {"last_name": "Newname"} for name in ids(*range(100, 100 + renamed))})
    company.hr(leavers(range(500, 500 + left)))
    assert company.sync().success
    assert company.is_as_hr_asks()
    listings = 2 if renamed or left else 1
    allowed = listings * 5 + math.ceil((renamed + left) / 200) + 1 + more
    assert len(company.sandbox.log.entries()) <= allowed
    assert all(len(users) <= 200 for _, users in company.sent())
    assert len(company.sent()[0][1] if company.sent() else []) <= 5


# Undo, explain, rehearsal


def test_a_sync_is_taken_back(company_on_both: Company) -> None:
    """Names go back, leavers come back, the created are switched off; what somebody changed since is left alone."""
    company = after_the_first(company_on_both)
    before = company.accounts
    company.hr({name: {"last_name": "Newname"} for name in ids(20, 21)} | leavers([11]) | {"E0901": {}})
    assert company.sync().success
    plan_id = newest_plan(company)
    company.somebody_edits({"E0021": {"lastName": "Byhand"}})
    company.forget()
    result = company.sync(UNDO, {"plan_id": plan_id})
    assert result.success
    assert company.sent() == [("PUT", ids(11, 20)), ("DELETE", ["E0901"])]
    after = company.accounts
    assert not after.pop("E0901")["active"]
    assert after.pop("E0021")["lastName"] == "Byhand"
    assert after == {name: account for name, account in before.items() if name != "E0021"}
    assert list(company.planned("blocked")) == ["E0021"]
    assert f"last_name was changed after plan {plan_id}" in company.planned("blocked")["E0021"]["reason"]
    assert not check(result, "no_drift").passed, "HR still asks for what was taken back"


def test_an_undo_takes_back_what_was_done_and_no_more(company: Company) -> None:
    """Of a plan that stopped in the middle, the people who were answered for."""
    company = after_the_first(company)
    before = company.accounts
    company.hr({name: {"last_name": "Newname"} for name in ids(*range(20, 50))})
    company.sandbox.fault("/users", method="PUT", status=401, skip=1)
    assert not company.sync().success
    plan_id = newest_plan(company)
    company.forget()
    assert company.sync(UNDO, {"plan_id": plan_id}).success
    assert company.sent() == [("PUT", CANARY)]
    assert company.accounts == before


def test_an_undo_is_taken_back(company: Company) -> None:
    """The undo of an undo is the sync again; then HR and Sparkwise agree, and a sync has nothing to send."""
    company = after_the_first(company)
    company.hr({"E0020": {"last_name": "Newname"}, "E0901": {}, **leavers([11])})
    assert company.sync().success
    synced = company.accounts
    assert company.sync(UNDO, {"plan_id": newest_plan(company)}).success
    assert company.accounts != synced
    result = company.sync(UNDO, {"plan_id": newest_plan(company)})
    assert check(result, "no_drift").passed
    assert company.accounts == synced
    company.forget()
    assert company.sync().success
    assert company.sent() == []


def test_an_undo_of_nothing_says_so(company: Company) -> None:
    """A plan that never did anything, or never was, is no plan to take back."""
    company = after_the_first(company)
    for plan_id in (newest_plan(company), "20200101T000000-00000000"):
        assert f"no change of a plan {plan_id} was ever applied" in told(company.sync(UNDO, {"plan_id": plan_id}))
    assert company.sent() == []


def test_an_undo_has_the_limits_of_a_sync(company: Company) -> None:
    """Taking back many creations waits; the printed command approves it, and raised limits do as well."""
    company = after_the_first(company)
    company.hr({name: {} for name in ids(*range(901, 911))})
    assert company.sync().success
    plan_id = newest_plan(company)
    company.forget()
    result = company.sync(UNDO, {"plan_id": plan_id})
    assert result.success
    assert company.sent() == []
    assert "10 of 130 accounts would be switched off, and 6 are allowed" in check(result, "within_limits").description
    job, config = approval_in(company.metadata("user_sync_plan")["approve_with"])
    assert job == UNDO
    assert company.sync(job, config).success
    assert sorted(company.sent_to("DELETE")) == ids(*range(901, 911))


def test_an_undo_with_raised_limits(company: Company) -> None:
    """For one run, as with a sync."""
    company = after_the_first(company)
    company.hr({name: {} for name in ids(*range(901, 911))})
    assert company.sync().success
    limits = {"max_deactivations": 10, "max_deactivation_share": 0.1}
    company.forget()
    assert company.sync(UNDO, {"plan_id": newest_plan(company), "raise_limits": limits}).success
    assert len(company.sent_to("DELETE")) == 10


def version_of(company: Company, asset: str) -> str:
    """The data version of what was materialized last."""
    event = company.instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return (event.asset_materialization.tags or {})["dagster/data_version"]


def explained(company: Company, employee_id: str, **config: Any) -> Any:
    """One run of the job that explains a person."""
    return company.sync(EXPLAIN, {"ops": {"explain": {"config": {"employee_id": employee_id, **config}}}})


def test_a_person_is_explained_and_nothing_is_sent(company_on_both: Company) -> None:
    """What HR says, what Sparkwise says, what follows and why, and what was sent before; read anew from both."""
    company = after_the_first(company_on_both)
    company.hr({"E0020": {"last_name": "Newname", "status": "leave"}, "E0021": {"last_name": "Newname"}})
    assert company.sync().success
    company.hr({"E0020": {"last_name": "Newer"}, **leavers([11])})
    company.forget()
    result = explained(company, "E0020")
    assert result.success
    text = log_of(company, result)
    assert "HR says: leave, department Sales, from 2024-01-31" in text
    assert "Sparkwise says: active (account" in text
    assert r"What follows: update (last\_name changes): new last\_name" in text
    assert "Before: plan " in text
    assert "attempt 1: update was applied at" in text
    assert "What follows: nothing, neither side knows this id" in log_of(company, explained(company, "E7777"))
    assert company.sent() == []


def test_a_person_explained_leaves_the_rest_as_it_is(company: Company) -> None:
    """The roster keeps its data version, so that no mart is computed for it, and the last plan its unchanged people."""
    company = after_the_first(company)
    assert company.sync().success
    unchanged = [row["employee_id"] for row in company.rows("user_sync_plan") if row["action"] == "unchanged"]
    before = version_of(company, "hr_roster")
    assert explained(company, "E0020", apply=True).success
    assert version_of(company, "hr_roster") == before
    after = [row["employee_id"] for row in company.rows("user_sync_plan") if row["action"] == "unchanged"]
    assert set(after) == set(unchanged) != set()


def test_a_person_is_synced_alone(company_on_both: Company) -> None:
    """With `apply` that person is sent and nobody else; done again, there is nothing to send."""
    company = after_the_first(company_on_both)
    company.hr({name: {"last_name": "Newname"} for name in ids(20, 21)})
    result = explained(company, "E0020", apply=True)
    assert result.success
    assert company.sent() == [("PUT", ["E0020"])]
    assert "E0020: update is applied (done)" in log_of(company, result)
    assert company.results() == {"E0020": ["applied"]}
    again = explained(company, "E0020", apply=True)
    assert "There was nothing to send." in log_of(company, again)
    assert company.sent() == [("PUT", ["E0020"])]
    assert company.sync().success
    assert company.sent_to("PUT") == ids(20, 21)


def test_a_person_who_waits_is_not_synced_alone(company: Company) -> None:
    """Who is held back with many others is not sent one by one either."""
    company = after_the_first(company)
    company.hr(leavers(range(11, 18)))
    result = explained(company, "E0011", apply=True)
    assert "It waits: 7 of 120 accounts would be switched off" in told(result)
    assert "it waits for approval" in log_of(company, result)
    assert company.sent() == []


def test_a_person_synced_alone_is_not_the_first_sync(company: Company) -> None:
    """Whoever tries it with one person first still has a first sync that switches nobody off."""
    company.somebody_edits({"E0020": {"lastName": "Old"}})
    company.hr(leavers([11]))
    assert explained(company, "E0020", apply=True).success
    assert company.sent() == [("PUT", ["E0020"])]
    assert company.sync(UNDO, {"plan_id": company.rows("user_sync_outcome")[0]["plan_id"]}).success
    result = company.sync()
    assert "the first sync switches nobody off" in check(result, "within_limits").description
    assert company.sent_to("DELETE") == []


def test_an_unhealthy_roster_explains_but_never_applies(company: Company) -> None:
    """The last accepted roster is explained, with why the new one was refused; nobody is synced on it."""
    company = after_the_first(company)
    company.somebody_edits({"E0020": {"lastName": "Byhand"}})
    first_rows(company, 48)
    result = explained(company, "E0020")
    assert result.success
    text = log_of(company, result)
    assert r"update (last\_name changes)" in text
    assert "But: The roster" in text
    assert "shrank by 60.0%" in text
    assert "So nobody was synced" in told(explained(company, "E0020", apply=True))
    assert company.sent() == []


def test_a_rehearsal_sends_nothing(company_on_both: Company) -> None:
    """Materializing the plan alone lists the accounts and plans, with its check, and writes to nobody."""
    company = after_the_first(company_on_both)
    company.hr({"E0020": {"last_name": "Newname"}, **leavers([11])})
    result = company.run("hr_roster", "sparkwise_users", "user_sync_plan")
    assert result.success
    judged = {each.asset_check_key for each in result.get_asset_check_evaluations()}
    plan, outcome = dg.AssetKey("user_sync_plan"), dg.AssetKey("user_sync_outcome")
    assert {dg.AssetCheckKey(plan, name) for name in ("within_limits", "nobody_is_blocked", "every_row_fits")} <= judged
    assert outcome not in {key.asset_key for key in judged}
    assert {*company.planned("update")} == {"E0020"}
    assert company.sent() == []
    assert len(company.sandbox.log.entries()) == 1
    assert company.run("user_sync_plan").success
    assert company.sent() == []
    assert company.results() == {}


def test_what_is_sent_is_never_stale(company_on_both: Company) -> None:
    """The outcome alone plans anew from accounts listed anew: what was planned before it does not count."""
    company = after_the_first(company_on_both)
    company.hr({"E0020": {"last_name": "Newname"}, "E0021": {"last_name": "Newname"}})
    assert company.run("hr_roster", "sparkwise_users", "user_sync_plan").success
    company.somebody_edits({"E0020": {"lastName": "Newname"}, "E0022": {"lastName": "Byhand"}})
    assert company.run("user_sync_outcome").success
    assert company.sent() == [("PUT", ids(21, 22))]
    assert company.is_as_hr_asks()


def test_a_reexecution_from_the_failure_lists_anew(company: Company) -> None:
    """Launched as the UI's button does it: the accounts as they are now decide what is sent."""
    company = after_the_first(company)
    company.hr({name: {"last_name": "Newname"} for name in ids(*range(20, 30))})
    company.sandbox.fault("/users", method="PUT", status=401, skip=1)
    assert not company.sync().success
    company.forget()
    company.somebody_edits({"E0027": {"lastName": "Newname"}})
    with company.resources() as resources:
        job = defs.resolve_job_def("user_sync")
        again = job.execute_in_process(instance=company.instance, resources=resources, op_selection=["plan_and_send"])
    assert again.success
    assert company.sent() == [("PUT", ids(21, 23, 25, 29))]


# The roster's tables


def test_people_have_versions(company_on_both: Company) -> None:
    """A new row closes the old version and opens the next at the same instant; who is gone has an end."""
    company = after_the_first(company_on_both)
    company.hr({"E0020": {"department": "Legal"}, "E0021": None, "E0901": {}})
    assert company.sync().success
    read_at = [row["read_at"] for row in company.rows("hr_roster_reads")]
    versions = {
        name: [
            (row["department"], row["valid_from"], row["valid_to"])
            for row in company.rows("hr_roster")
            if row["employee_id"] == name
        ]
        for name in ids(19, 20, 21, 901)
    }
    assert versions == {
        "E0019": [("Sales", read_at[0], None)],
        "E0020": [("Sales", read_at[0], read_at[1]), ("Legal", read_at[1], None)],
        "E0021": [("Sales", read_at[0], read_at[1])],
        "E0901": [("Sales", read_at[1], None)],
    }
    told_by_it = company.metadata("hr_roster")
    assert (told_by_it["versions_closed"], told_by_it["versions_opened"]) == (2, 2)
    assert company.sent() == [("PUT", ["E0901"]), ("DELETE", ["E0021"])], "a department is nothing to Sparkwise"
    assert company.sync().success
    assert len(company.rows("hr_roster")) == 122
    assert company.metadata("hr_roster")["versions_opened"] == 0


def test_every_accepted_reading_is_on_record(company_on_both: Company) -> None:
    """With its fingerprint, time, counts and columns; a refused one is not."""
    company = after_the_first(company_on_both)
    company.hr({"E0020": {"status": "vacationing"}})
    assert company.sync().success
    renamed_header(company)
    assert not company.sync().success
    first, second = company.rows("hr_roster_reads")
    assert first["fingerprint"] != second["fingerprint"]
    assert [(row["rows"], row["people"], row["rejected"]) for row in (first, second)] == [(120, 120, 0), (120, 120, 1)]
    assert first["source"] == str(company.roster)
    assert sorted(first["columns"]) == sorted(HR_COLUMNS)
    assert first["modified_at"] <= first["read_at"]


def test_an_unreadable_row_keeps_the_version_that_holds(company: Company) -> None:
    """Whoever stands in it is neither new nor gone."""
    company = after_the_first(company)
    company.hr({"E0020": {"status": "vacationing", "department": "Legal"}})
    assert company.sync().success
    (version,) = [row for row in company.rows("hr_roster") if row["employee_id"] == "E0020"]
    assert (version["department"], version["valid_to"]) == ("Sales", None)
