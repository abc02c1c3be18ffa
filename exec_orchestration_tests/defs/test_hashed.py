"""PII_MODE=hashed: no name and no address is stored, every figure is as before, and the user sync sends real names."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from exec_orchestration.sandbox.roster import roster_rows, write_roster
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.veil import HASHED, Veil
from exec_orchestration_tests.conftest import LAST_DAY, Sandbox
from exec_orchestration_tests.defs.conftest import House
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
    columns = METADATA.tables[name].c
    return {
        key: VEIL.hiding(columns[key])(value) if value is not None and VEIL.hiding(columns[key]) else value  # type: ignore[misc]
        for key, value in row.items()
    }


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
