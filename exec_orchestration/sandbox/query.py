"""Reading a query string: words, instants, flags, choices, pages. What cannot be read is refused with 400.

Must not live here: what the parameters mean. Leads to: `exec_com` and `sparkwise`.
A parameter that the route does not know is refused too. The vendors may be more lenient; a twin that lets a misspelt
filter pass in silence would be of no use.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from exec_orchestration.sandbox.answers import Refused

LONGEST_NUMBER = 4_000  # digits; Python reads no more than 4,300


@dataclass(frozen=True)
class Query:
    params: Mapping[str, str]

    @classmethod
    def read(cls, params: Mapping[str, str], known: Collection[str]) -> "Query":
        unknown = sorted(set(params) - set(known))
        if unknown:
            raise Refused(400, f"Unknown parameter {unknown[0]!r}; this operation takes {', '.join(sorted(known))}")
        return cls(params)

    def words(self, name: str) -> frozenset[str] | None:
        """The comma-separated values, or null if the parameter is absent or empty."""
        found = frozenset(word.strip() for word in self.params.get(name, "").split(",") if word.strip())
        return found or None

    def choices(self, name: str, allowed: Collection[str]) -> frozenset[str] | None:
        chosen = self.words(name)
        wrong = sorted((chosen or frozenset()) - set(allowed))
        if wrong:
            raise Refused(400, f"{name} cannot be {wrong[0]!r}; it takes {', '.join(allowed)}")
        return chosen

    def choice(self, name: str, allowed: Collection[str], *, default: str) -> str:
        chosen = self.params.get(name, default)
        if chosen not in allowed:
            raise Refused(400, f"{name} cannot be {chosen!r}; it takes {', '.join(allowed)}")
        return chosen

    def includes(self, what: str) -> bool:
        """Whether `include` asks for the one thing that can be included."""
        return "include" in self.params and self.choice("include", (what,), default=what) == what

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false"), default="false") == "true"

    def instant(self, name: str) -> datetime | None:
        """The instant in UTC; a date alone, or a time without a zone, is read as UTC."""
        text = self.params.get(name)
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise Refused(400, f"{name} is not an ISO 8601 date-time: {text!r}") from error

    def number(self, name: str, *, default: int, low: int, high: int | None, code: str | None = None) -> int:
        text = self.params.get(name, str(default))
        is_number = text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER
        found = int(text) if is_number else low - 1
        if found < low or (high is not None and found > high):
            limits = f"at least {low}" if high is None else f"from {low} to {high}"
            raise Refused(400, f"{name} is {limits}, not {text!r}", code=code)
        return found
