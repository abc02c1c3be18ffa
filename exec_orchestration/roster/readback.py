"""After the sending: which open outcomes the accounts themselves settle, and what still differs. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from exec_orchestration.roster.account import Account, Outcome
from exec_orchestration.roster.apply import APPLIED, SENT, UNKNOWN
from exec_orchestration.roster.diff import Change


@dataclass(frozen=True)
class Drift:
    """One field that is not as the plan wanted it: what was asked for and what Sparkwise holds."""

    employee_id: str
    field: str
    wanted: Any
    found: Any


def settled(
    outcomes: Iterable[Outcome], wanted: Mapping[str, Mapping[str, Any]], accounts: Iterable[Account], *, now: datetime
) -> list[Outcome]:
    """The outcomes that a listing of the accounts decides: applied where the account is as it was wanted.

    An outcome that was only `sent`, by a run that was killed, is `unknown` where it is not. Others stay as they are.
    """
    found = {account.remote_id: account for account in accounts}
    decided = []
    for outcome in outcomes:
        account = found.get(outcome.employee_id)
        if outcome.result != APPLIED and account and not differences(wanted.get(outcome.employee_id, {}), account):
            decided.append(replace(outcome, result=APPLIED, answered_at=now))
        elif outcome.result == SENT:
            error = "the run ended before Sparkwise's answer, and the account is not as it was to be"
            decided.append(replace(outcome, result=UNKNOWN, answered_at=now, error=error))
    return decided


def drift(changes: Iterable[Change], accounts: Iterable[Account]) -> list[Drift]:
    """Every field of every change that Sparkwise does not hold as the plan wanted it."""
    found = {account.remote_id: account for account in accounts}
    left = []
    for change in changes:
        account = found.get(change.employee_id)
        if account is None:
            left.append(Drift(change.employee_id, "account", "to exist", None))
            continue
        wanted = change.account or {}
        left += [
            Drift(change.employee_id, name, wanted[name], account.fields[name]) for name in differences(wanted, account)
        ]
    return left


def differences(wanted: Mapping[str, Any], account: Account) -> list[str]:
    """The fields that the account does not hold as wanted; of one that is to be switched off only that counts."""
    if not wanted:
        return ["account"]
    names = ["active"] if wanted.get("active") is False else list(wanted)
    return [name for name in names if account.fields[name] != wanted[name]]
