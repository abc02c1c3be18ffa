"""The inverse of a plan that was carried out: what was done to each person is taken back, as far as it still stands.

Undoing goes through a plan and its guards like everything else. Pure.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from exec_orchestration.roster.account import Account
from exec_orchestration.roster.diff import BLOCKED, CREATE, DEACTIVATE, REACTIVATE, UPDATE, Change

INVERSE = {CREATE: DEACTIVATE, REACTIVATE: DEACTIVATE, DEACTIVATE: REACTIVATE, UPDATE: UPDATE}


def inverse(
    done: Iterable[Change], accounts: Iterable[Account], *, protected: Collection[str], plan_id: str
) -> list[Change]:
    """The changes that take back what was `done` by plan `plan_id`; blocked where somebody has changed it since."""
    found: defaultdict[str | None, list[Account]] = defaultdict(list)
    for account in accounts:
        found[account.remote_id].append(account)
    return [_taken_back(change, found[change.employee_id], protected, plan_id) for change in done]


def _taken_back(change: Change, accounts: Sequence[Account], protected: Collection[str], plan_id: str) -> Change:
    if change.employee_id in protected:
        return _blocked(change, "protected (USER_SYNC_PROTECTED)")
    if not accounts:
        return _blocked(change, f"plan {plan_id} left an account that is gone")
    if len(accounts) > 1:
        return _blocked(change, f"{len(accounts)} accounts have this remote id; remove all but one in Sparkwise")
    (account,) = accounts
    since = [name for name, (_, to) in change.changes.items() if account.fields[name] != to]
    if since:
        return _blocked(change, f"{', '.join(since)} was changed after plan {plan_id}")
    before = _before(change, account.fields)
    return Change(
        employee_id=change.employee_id,
        action=INVERSE[change.action],
        reason=f"takes back the {change.action} of plan {plan_id}",
        changes={
            name: (account.fields[name], value) for name, value in before.items() if account.fields[name] != value
        },
        account=before,
    )


def _before(change: Change, now: Mapping[str, Any]) -> dict[str, Any]:
    """How the account was. One that did not exist is switched off, since accounts are never deleted; switching off
    changes no name.
    """
    if INVERSE[change.action] == DEACTIVATE:
        return {**now, "active": False}
    return {**now, **{name: was for name, (was, _) in change.changes.items()}}


def _blocked(change: Change, reason: str) -> Change:
    return Change(employee_id=change.employee_id, action=BLOCKED, reason=reason)
