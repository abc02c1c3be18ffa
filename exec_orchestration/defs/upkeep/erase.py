"""The job `erase_person`: one person out of every table, and off every load that comes.

Who it is stands in the file ERASE_PERSON_FILE alone: Dagster keeps run configs, tags and logs, and shows them. Results
are counts.
"""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.resources import WarehouseResource
from exec_orchestration.defs.upkeep.hashing import others_under_way, stop_while_others_run
from exec_orchestration.errors import BadSetting
from exec_orchestration.tables.erasure import Erased, erase, lift
from exec_orchestration.tables.finding import Sought

LISTS = {"emails": "email", "employee_ids": "employee", "exec_user_ids": "exec_user", "sparkwise_ids": "account"}
VALID = f"{', '.join(LISTS)} (lists of texts), names (a list of [first, last]) and only (true or false)"


class EraseConfig(dg.Config):
    """What is to be done about the person; who it is stands in the file."""

    rehearse: bool = Field(default=False, description="True to only tell what would go.")
    lift: bool = Field(default=False, description="True to let loads bring the person again; nothing is erased then.")


@dg.op(out=dg.Out(dg.Nothing), description="Erases the person whom ERASE_PERSON_FILE names, in every table.")
@told_plainly
def erase_everywhere(
    context: dg.OpExecutionContext, config: EraseConfig, warehouse: dg.ResourceParam[WarehouseResource]
) -> None:
    """How many rows of each table went is in the metadata; where the search at the end finds more, nothing is done."""
    if config.rehearse and config.lift:
        raise BadSetting("rehearse and lift are both true, and a lift has no rehearsal. Nothing was done; choose one.")
    sought = read_sought(warehouse.erase_person_file)
    stop_while_others_run(context)
    if config.lift:
        lifted = lift(warehouse.tables, sought)
        context.add_output_metadata({"identifiers_lifted": lifted})
        context.log.info(f"{lifted} identifiers are off the list of erased people; the next loads bring the person.")
        return
    moment = datetime.now(UTC)
    erased = erase(warehouse.tables, sought, at=moment, run_id=context.run_id, rehearse=config.rehearse)
    context.add_output_metadata(facts(erased, rehearsed=config.rehearse))
    context.log.info(in_words(erased, rehearsed=config.rehearse))
    if begun := others_under_way(context):
        context.log.warning(
            f"{len(begun)} runs have begun meanwhile, and may have listed the person before: run this again then."
        )


@dg.job(
    name="erase_person",
    description="Erases the person whom the file at ERASE_PERSON_FILE names from every table, in one transaction, and "
    "searches every column for what is left; loads leave the person out from then on. No config names anybody.",
)
def erase_person() -> None:
    """All of it, in one step."""
    erase_everywhere()


def read_sought(path: Path) -> Sought:
    """Who is to be erased. Raises BadSetting, which repeats nothing of the file."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        why = "is no TOML file" if isinstance(error, ValueError) else "cannot be read"
        raise BadSetting(
            f"ERASE_PERSON_FILE names a file that {why}. Valid in it are {VALID}. Nothing was erased."
        ) from None
    ids = {who: frozenset(_texts(told.get(name, []))) for name, who in LISTS.items()}
    names = [tuple(_texts(pair)) for pair in _list(told.get("names", []))]
    only = told.get("only", False)
    is_well_formed = not set(told) - {*LISTS, "names", "only"} and all(len(each) == 2 for each in names)
    if not is_well_formed or not any(ids.values()) or not isinstance(only, bool):
        raise BadSetting(
            f"The file at ERASE_PERSON_FILE has to hold one identifier at least, and nothing but {VALID}. Nothing was "
            "erased."
        )
    return Sought(ids, frozenset((first, last) for first, last in names), only=only)


def _texts(values: Any) -> list[str]:
    if not all(isinstance(each, str) and each.strip() for each in _list(values)):
        raise _unreadable()
    return [each.strip() for each in values]


def _list(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise _unreadable()
    return values


def _unreadable() -> BadSetting:
    return BadSetting(f"Valid in the file at ERASE_PERSON_FILE are {VALID}. Nothing was erased.")


def facts(erased: Erased, *, rehearsed: bool) -> dict[str, Any]:
    """Counts by table."""
    return {
        "rehearsed": rehearsed,
        "rows_deleted": sum(erased.deleted.values()),
        "rows_cleared": sum(erased.cleared.values()),
        "identifiers_remembered": erased.identifiers,
        **{f"known_by_{who}": count for who, count in erased.known_as.items()},
        **{f"deleted_from_{name}": count for name, count in sorted(erased.deleted.items())},
        **{f"cleared_in_{name}": count for name, count in sorted(erased.cleared.items())},
        **{f"namesakes_in_{name}": count for name, count in sorted(erased.namesakes.items())},
    }


def in_words(erased: Erased, *, rehearsed: bool) -> str:
    """What was done, and what is left to do."""
    deleted, cleared = sum(erased.deleted.values()), sum(erased.cleared.values())
    done = "would be" if rehearsed else "were"
    then = "" if rehearsed else " A search of every column found nothing more. Now delete the file."
    return f"{deleted} rows {done} deleted, {cleared} {done} cleared of the person.{then}"
