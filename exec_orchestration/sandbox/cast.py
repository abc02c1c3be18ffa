"""Who and what the made-up company consists of: people, groups, scenarios, skills, programs, modules, accounts.

Must not live here: anything that happens on a day (that is `practice` and `team_learning`), or HTTP.
Leads to: `build_cast`, a pure function of the seed, the first day and the number of people.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from uuid import UUID

from exec_orchestration.sandbox import catalogue


@dataclass(frozen=True)
class Person:
    """A learner. `talent`, `growth` (points) and `zeal` (a factor) drive the simulation and are never shown."""

    id: str
    email: str
    first_name: str
    last_name: str
    role: str
    employee_id: str | None  # the HR system's id; system users have none
    department: str
    group_ids: tuple[str, ...]
    joined_at: datetime
    left_on: date | None
    quits_on: date | None  # from here on this person does not practise, though still employed
    talent: float
    growth: float
    zeal: float

    @property
    def is_system(self) -> bool:
        return self.email.casefold().endswith("@" + catalogue.SYSTEM_DOMAIN)

    def is_member_at(self, now: datetime) -> bool:
        return self.joined_at < now and (self.left_on is None or now < midnight(self.left_on))


@dataclass(frozen=True)
class Group:
    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Skill:
    id: str
    name: str
    slug: str
    description: str | None
    created_at: datetime


@dataclass(frozen=True)
class Scenario:
    id: str
    name: str
    slug: str
    difficulty: str
    objective: str
    visibility: str
    owner: Person
    skill_ids: tuple[str, ...]
    collection_id: str
    created_at: datetime
    updated_at: datetime
    archived: bool
    closes_on: date | None  # archived scenarios were still practised before this day
    ease: float


@dataclass(frozen=True)
class Program:
    id: str
    name: str
    scenarios: tuple[Scenario, ...]


@dataclass(frozen=True)
class Module:
    id: str
    name: str
    category: str
    minutes: int
    steps: int
    self_registration: bool


@dataclass(frozen=True)
class Account:
    """A Sparkwise user. `remote_id` is an employee id, or null or blank for accounts that HR does not know."""

    id: str
    first_name: str
    last_name: str
    active: bool
    remote_id: str | None


@dataclass(frozen=True)
class Cast:
    people: tuple[Person, ...]
    groups: tuple[Group, ...]
    skills: tuple[Skill, ...]
    scenarios: tuple[Scenario, ...]
    programs: tuple[Program, ...]
    modules: tuple[Module, ...]
    accounts: tuple[Account, ...]


def midnight(day: date) -> datetime:
    """The first instant of a day, UTC."""
    return datetime.combine(day, time(), UTC)


def short_id(rng: Random) -> str:
    return f"{rng.getrandbits(48):012x}"


def long_id(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def build_cast(seed: int, *, start: date, people: int) -> Cast:
    """The company as of all days: the same seed, first day and head count give the same cast."""
    rng = Random(f"{seed}:cast")
    founded = midnight(start) - timedelta(days=400)
    groups = tuple(Group(short_id(rng), name, _on_day(rng, founded)) for name in catalogue.GROUPS)
    staff = tuple(_person(rng, number, groups, start) for number in range(1, people + 1))
    systems = tuple(_system_user(rng, number, founded) for number in range(len(catalogue.SYSTEM_NAMES)))
    skills = tuple(
        Skill(short_id(rng), name, slug(name), None if n == 3 else f"How well a person does: {name}", founded)
        for n, name in enumerate(catalogue.SKILLS)
    )
    scenarios = _scenarios(rng, skills, owners=(*staff[:2], systems[0]), start=start)
    programs = tuple(
        Program(short_id(rng), name, tuple(scenarios[n] for n in members)) for name, members in catalogue.PROGRAMS
    )
    modules = tuple(
        Module(long_id(rng), name, category, minutes, steps, rng.random() < 0.3)
        for name, category, minutes, steps in catalogue.MODULES
    )
    return Cast(staff + systems, groups, skills, scenarios, programs, modules, _accounts(rng, staff))


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _on_day(rng: Random, first: datetime) -> datetime:
    return first + timedelta(days=rng.randrange(90), seconds=rng.randrange(86_400))


def _person(rng: Random, number: int, groups: tuple[Group, ...], start: date) -> Person:
    first, first_ascii = catalogue.FIRST_NAMES[(number - 1) % len(catalogue.FIRST_NAMES)]
    last, last_ascii = catalogue.LAST_NAMES[(number - 1) % len(catalogue.LAST_NAMES)]
    mailbox, domain = f"{first_ascii}.{last_ascii}{number}", catalogue.COMPANY_DOMAIN
    if number % 23 == 0:
        domain = catalogue.CONTRACTOR_DOMAIN
    joined = midnight(start) - timedelta(days=rng.randrange(1, 400), seconds=rng.randrange(86_400))
    if rng.random() < 0.12:
        joined = midnight(start) + timedelta(days=rng.randrange(5, 200), hours=8)
    return Person(
        id=long_id(rng) if number % 2 else short_id(rng),
        # Exec keeps the capitals that people typed, so a join by e-mail has to fold case
        email=f"{mailbox.title()}@{domain.capitalize()}" if number % 17 == 0 else f"{mailbox}@{domain}",
        first_name=first,
        last_name=last,
        role="admin" if number <= 2 else "staff" if number <= 5 else "member",
        employee_id=f"E{number:04d}",
        department=rng.choice(catalogue.DEPARTMENTS),
        group_ids=tuple(group.id for group in groups if rng.random() < 0.3),
        joined_at=joined,
        left_on=_some_day(rng, start, after=10, before=260) if number > 5 and rng.random() < 0.1 else None,
        quits_on=_some_day(rng, start, after=20, before=300) if rng.random() < 0.35 else None,
        talent=rng.gauss(58, 9),
        growth=rng.uniform(5, 35),
        zeal=rng.choice((0.1, 0.5, 1.0, 1.0, 1.5, 2.0)),
    )


def _some_day(rng: Random, start: date, *, after: int, before: int) -> date:
    return start + timedelta(days=rng.randrange(after, before))


def _system_user(rng: Random, number: int, founded: datetime) -> Person:
    first, last = catalogue.SYSTEM_NAMES[number]
    email = f"{first}.{last}@{catalogue.SYSTEM_DOMAIN}".lower()
    return Person(
        short_id(rng), email, first, last, "staff", None, "", (), founded, None, None, talent=80, growth=5, zeal=0.3
    )


def _scenarios(
    rng: Random, skills: tuple[Skill, ...], *, owners: tuple[Person, ...], start: date
) -> tuple[Scenario, ...]:
    collections = (short_id(rng), short_id(rng))
    first_archived = len(catalogue.SCENARIOS) - catalogue.ARCHIVED_SCENARIOS
    made = []
    for n, words in enumerate(catalogue.SCENARIOS):
        created = _on_day(rng, midnight(start) - timedelta(days=300))
        archived = n >= first_archived
        made.append(
            Scenario(
                id=short_id(rng) if n % 3 else long_id(rng),
                name=words.name,
                slug=slug(words.name),
                difficulty=words.difficulty,
                objective=words.objective,
                visibility="private" if n == 6 else "workspace",
                owner=owners[n % len(owners)],
                skill_ids=tuple(skills[position].id for position in words.skills),
                collection_id=collections[n % 2],
                created_at=created,
                updated_at=created + timedelta(days=rng.randrange(60)),
                archived=archived,
                closes_on=start + timedelta(days=30 * (n - first_archived + 1)) if archived else None,
                ease=words.ease,
            )
        )
    return tuple(made)


def _accounts(rng: Random, staff: tuple[Person, ...]) -> tuple[Account, ...]:
    """Most people have an account, and those who left keep theirs; a few accounts belong to nobody HR knows."""
    known = [
        Account(f"{rng.getrandbits(256):064x}", p.first_name, p.last_name, rng.random() > 0.06, p.employee_id)
        for p in staff
        if rng.random() < 0.92
    ]
    strangers = [
        Account(f"{rng.getrandbits(256):064x}", "Guest", f"Visitor {n}", True, "" if n == 3 else None)
        for n in range(1, 6)
    ]
    return (*known, *strangers)
