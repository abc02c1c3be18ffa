"""The job about how persons are kept: `hash_persons` turns a plain warehouse into a hashed one, once."""

from dataclasses import replace

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.resources import WarehouseResource
from exec_orchestration.errors import BadSetting, WarehouseError
from exec_orchestration.roster.person import Person
from exec_orchestration.tables import privacy_state
from exec_orchestration.tables.hashing import hash_persons as rewrite
from exec_orchestration.tables.hr import hr_roster
from exec_orchestration.tables.roster_versions import SAID_BY_HR
from exec_orchestration.tables.warehouse import Warehouse

UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
Tables = dg.ResourceParam[WarehouseResource]


@dg.op(out=dg.Out(dg.Nothing), description="Rewrites every row that holds a person; nothing turns it back.")
@told_plainly
def hash_every_person(context: dg.OpExecutionContext, warehouse: Tables) -> None:
    """How many values of each table were rewritten is in the metadata."""
    tables = warehouse.unsettled
    if not tables.veil.hides:
        raise BadSetting(
            "PII_MODE is plain: set PII_MODE=hashed and PII_KEY, then run hash_persons. Nothing was changed."
        )
    stop_while_others_run(context)
    if privacy_state.fact(tables, privacy_state.KEY_CHECK) is not None:
        privacy_state.agree(tables)
        context.log.info("The warehouse holds hashes already, of this key: there is nothing to do.")
        return
    changed = rewrite(tables, fingerprints=fingerprints(tables))
    context.add_output_metadata({"values_hashed": sum(changed.values()), **changed})


@dg.job(
    name="hash_persons",
    description="Turns a warehouse that holds persons as they are into one that holds keyed hashes (PII_MODE=hashed): "
    "every row, in one transaction. Schedules and sensors have to be off. There is no way back.",
)
def hash_persons_job() -> None:
    """All of it, in one step."""
    hash_every_person()


PRIVACY_JOBS = (hash_persons_job,)


def stop_while_others_run(context: dg.OpExecutionContext) -> None:
    """Raise WarehouseError while another run is under way: it might write persons in the old way."""
    if others := others_under_way(context):
        raise WarehouseError(
            f"{len(others)} other runs are under way, the first being {others[0]}. Turn schedules and sensors off, "
            "wait until they have ended, then run this again; nothing was changed."
        )


def others_under_way(context: dg.OpExecutionContext) -> list[str]:
    """The ids of all runs but this one that have begun and not ended."""
    runs = context.instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))
    return [run.run_id for run in runs if run.run_id != context.run_id]


def fingerprints(tables: Warehouse) -> dict[str, str]:
    """By what each version of a person was told until now -> by what it is told once names and addresses are hashes."""
    columns = (hr_roster.c.employee_id, *(hr_roster.c[name] for name in SAID_BY_HR))
    found = [Person(**row._mapping) for row in tables.read(sa.select(*columns))]
    return {person.fingerprint: veiled(person, tables).fingerprint for person in found}


def veiled(person: Person, tables: Warehouse) -> Person:
    """The person as the tables hold somebody."""
    veil = tables.veil
    return replace(
        person,
        email=veil.email(person.email) if person.email else person.email,
        first_name=veil.name(person.first_name),
        last_name=veil.name(person.last_name),
    )
