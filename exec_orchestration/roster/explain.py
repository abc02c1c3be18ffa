"""Plans and people in words, as Markdown for Dagster's UI and plain enough for a log. Pure.

Everything that came from HR or Sparkwise is escaped: a name may not draw a table or a link. People's names and e-mail
addresses are told only where `names` is true.
"""

import re
from collections.abc import Iterable, Sequence

from exec_orchestration.roster.account import Account, Outcome
from exec_orchestration.roster.diff import BLOCKED, UNCHANGED, Change
from exec_orchestration.roster.discretion import discreet, fields_in_words, names_in
from exec_orchestration.roster.person import Person
from exec_orchestration.roster.plan import Plan

SHOWN_PEOPLE = 50


def plan_in_words(plan: Plan, *, approval: str | None, names: bool = False) -> str:
    """The plan as a page: counts, what waits and how to approve it, and the first people of each action."""
    counts = ", ".join(f"{count} {action}" for action, count in plan.counts.items() if count) or "nobody"
    lines = [f"**Plan {plan.plan_id}** over {plan.managed} managed accounts: {counts}."]
    for held in plan.held:
        lines += ["", f"**{len(held.employee_ids)} changes wait:** {escaped(held.reason)}."]
    if approval:
        lines += ["", f"To approve them until {plan.expires_at:%Y-%m-%d %H:%M} UTC:", "", "```", approval, "```"]
    shown = [change for change in plan.changes if change.action != UNCHANGED]
    if shown:
        lines += ["", *changes_in_words(shown, held=plan.held_ids, names=names)]
    return "\n".join(lines)


def changes_in_words(changes: Sequence[Change], *, held: frozenset[str], names: bool = False) -> list[str]:
    """A table of changes, those that do something first."""
    ordered = sorted(changes, key=lambda change: (change.action == BLOCKED, change.action, change.employee_id))
    lines = ["| employee | action | changes | reason |", "|---|---|---|---|"]
    for change in ordered[:SHOWN_PEOPLE]:
        waits = " (waits)" if change.employee_id in held else ""
        reason = discreet(change.reason, names_in(change.changes, change.account), names=names)
        cells = (change.employee_id, change.action + waits, fields_in_words(change.changes, names=names), reason)
        lines.append(f"| {' | '.join(map(escaped, cells))} |")
    if len(ordered) > SHOWN_PEOPLE:
        lines.append(f"| ... | {len(ordered) - SHOWN_PEOPLE} more | in the table user_sync_plan | |")
    return lines


def person_in_words(
    employee_id: str,
    *,
    person: Person | None,
    accounts: Sequence[Account],
    change: Change | None,
    waits: bool,
    outcomes: Iterable[tuple[str, Outcome]],
    names: bool = False,
) -> str:
    """What is known of one person: HR, Sparkwise, what follows from it, and what was sent before."""
    lines = [f"**{escaped(employee_id)}**", "", f"- HR says: {escaped(_hr(person, names=names))}"]
    lines += [f"- Sparkwise says: {escaped(_account(account, names=names))}" for account in accounts] or [
        "- Sparkwise says: no account has this remote id"
    ]
    known = names_in(change.changes, change.account) if change else []
    known += [name for each in (person, *accounts) if each for name in (each.first_name, each.last_name)]
    if change is None:
        lines.append("- What follows: nothing, neither side knows this id")
    else:
        fields = f" ({fields_in_words(change.changes, names=names)})" if change.changes else ""
        wait = "; it waits for approval" if waits else ""
        reason = discreet(change.reason, known, names=names)
        lines.append(f"- What follows: {escaped(f'{change.action}{fields}: {reason}{wait}')}")
    told = [
        f"plan {plan_id}, attempt {each.attempt}: {each.action} was {each.result} at {each.sent_at:%Y-%m-%d %H:%M} UTC"
        f"{f' ({discreet(each.error, known, names=names)})' if each.error else ''}"
        for plan_id, each in outcomes
    ]
    lines += [f"- Before: {escaped(line)}" for line in told] or ["- Before: nothing was ever sent for this person"]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", " ".join(text.split()))


def _hr(person: Person | None, *, names: bool) -> str:
    if person is None:
        return "not on the roster, or in a row that cannot be read"
    words = [person.status, *([f"{person.first_name} {person.last_name}"] if names else [])]
    words += [f"department {person.department}"] if person.department else []
    words += [f"from {person.start_on}"] if person.start_on else []
    words += [f"until {person.end_on}"] if person.end_on else []
    return ", ".join(words)


def _account(account: Account, *, names: bool) -> str:
    state = "active" if account.active else "switched off"
    named = f", {account.first_name or '-'} {account.last_name or '-'}" if names else ""
    return f"{state}{named} (account {account.id[:8]}...)"
