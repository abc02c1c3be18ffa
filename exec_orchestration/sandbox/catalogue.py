"""The words of the made-up company: names, titles, departments. Constants only.

Must not live here: anything random or dated. Leads to: `cast`, which turns these words into people and things.
"""

from dataclasses import dataclass

COMPANY_DOMAIN = "example.com"
CONTRACTOR_DOMAIN = "partner.example.org"
SYSTEM_DOMAIN = "exec.com"

# (as written, as spelt in an e-mail address); the awkward ones come first so that a small company has them too
FIRST_NAMES: tuple[tuple[str, str], ...] = (
    ("Łukasz", "lukasz"), ("Zoë", "zoe"), ("明", "ming"), ("Siobhán", "siobhan"), ("José", "jose"), ("Anna", "anna"),
    ("Øystein", "oystein"), ("Fatima", "fatima"), ("Ngọc", "ngoc"), ("Ivan", "ivan"), ("Chloé", "chloe"),
    ("Ravi", "ravi"), ("Mary Jane", "maryjane"), ("Jürgen", "jurgen"), ("Aiko", "aiko"), ("Tom", "tom"),
    ("Leïla", "leila"), ("Pedro", "pedro"), ("Grace", "grace"), ("Δήμητρα", "dimitra"), ("Sam", "sam"),
)  # fmt: skip
LAST_NAMES: tuple[tuple[str, str], ...] = (
    ("Wójcik", "wojcik"), ("O'Neil", "oneil"), ("李", "li"), ("García Márquez", "garciamarquez"), ("Smith", "smith"),
    ("Nguyễn", "nguyen"), ("van der Berg", "vanderberg"), ("Haddad", "haddad"), ("Müller", "muller"),
    ("Okafor", "okafor"), ("Smith-Jones", "smithjones"), ("Petrov", "petrov"), ("Sørensen", "sorensen"),
    ("Tanaka", "tanaka"), ("D'Angelo", "dangelo"), ("Iyer", "iyer"), ("Brown", "brown"),
)  # fmt: skip
SYSTEM_NAMES: tuple[tuple[str, str], ...] = (
    ("Exec", "Support"), ("Exec", "Coach"), ("Demo", "Runner"), ("Quality", "Review"),
)  # fmt: skip
DEPARTMENTS: tuple[str, ...] = ("Sales", "Support", "Engineering", "Operations", "People")
LOCATIONS: tuple[str, ...] = ("Berlin", "São Paulo", "København", "New York", "Remote")
GROUPS: tuple[str, ...] = ("New managers", "Field sales", "Customer care")

# what HR's second roster brings
JOINERS: tuple[tuple[str, str, str], ...] = (
    ("Inés", "Ibáñez", "ines.ibanez"), ("Kofi", "Mensah", "kofi.mensah"), ("Ayşe", "Yılmaz", "ayse.yilmaz"),
)  # fmt: skip
NEW_LAST_NAMES: tuple[str, ...] = ("Lindqvist", "O'Súilleabháin", "Novák-Smith")
NEW_DEPARTMENT = "Product"


@dataclass(frozen=True)
class ScenarioWords:
    """A roleplay and the positions, in `SKILLS`, of what it trains; `ease` is added to everybody's score, in points."""

    name: str
    difficulty: str
    objective: str
    skills: tuple[int, ...]
    ease: float


SKILLS: tuple[str, ...] = (
    "Active listening",
    "Giving feedback",
    "Handling objections",
    "Negotiation",
    "Discovery questions",
    "De-escalation",
)
SCENARIOS: tuple[ScenarioWords, ...] = (
    ScenarioWords("Difficult feedback to a peer", "medium", "Say what you saw and agree on a next step", (0, 1), 0),
    ScenarioWords("Discovery call: first meeting", "easy", "Learn the customer's real problem", (0, 4), 6),
    ScenarioWords("Price objection", "hard", "Hold the price and keep the customer", (2, 3), -8),
    ScenarioWords("Angry customer on the phone", "hard", "Calm the customer and solve the case", (0, 5), -6),
    ScenarioWords("Renewal negotiation", "hard", "Renew without a discount", (3,), -5),
    ScenarioWords("Coaching a new hire", "easy", "Help the new hire find the answer", (1,), 5),
    ScenarioWords("Saying no to a manager", "medium", "Decline and offer another way", (1, 2), 0),
    ScenarioWords("Café chat: résumé of the quarter", "easy", "Tell the quarter in two minutes", (0,), 8),
    ScenarioWords("Cold call (2025 edition)", "medium", "Win a second meeting", (2, 4), 0),
    ScenarioWords("Layoff conversation (old policy)", "hard", "Be clear, kind and brief", (5,), -4),
)
ARCHIVED_SCENARIOS = 2  # the last ones of the list
PROGRAMS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("Manager essentials", (0, 5, 6)),
    ("Sales excellence", (1, 2, 4)),
    ("Customer care", (3, 7)),
)

# (name, category, minutes, steps)
MODULES: tuple[tuple[str, str, int, int], ...] = (
    ("Trust in teams", "Collaboration", 60, 14), ("Running a meeting", "Collaboration", 45, 10),
    ("Deciding together", "Collaboration", 60, 12), ("Conflict without drama", "Collaboration", 75, 16),
    ("Feedback that lands", "Leadership", 60, 12), ("Delegation", "Leadership", 60, 11),
    ("Coaching questions", "Leadership", 45, 9), ("Leading change", "Leadership", 90, 20),
    ("Hiring fairly", "Leadership", 60, 13), ("Storytelling with data", "Communication", 60, 12),
    ("Writing to be read", "Communication", 45, 8), ("Présenter à distance", "Communication", 60, 10),
    ("Personal data basics", "Compliance", 30, 6), ("Speak up", "Compliance", 30, 5),
    ("Security habits", "Compliance", 30, 7),
)  # fmt: skip
