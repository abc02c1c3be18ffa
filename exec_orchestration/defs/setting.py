"""One setting: its name, default, what is valid, what it means, and how it is read from an environment that is given.

The settings themselves stand in `settings`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from exec_orchestration.errors import BadSetting

Value = TypeVar("Value")
Environment = Mapping[str, str]


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """One setting. `parse` raises ValueError where the text is not `valid`; a default of None means it is required."""

    name: str
    default: str | None
    valid: str
    meaning: str
    parse: Callable[[str], Value]
    secret: bool = False

    def read(self, environment: Environment) -> Value:
        """The setting's value; an empty text counts as not set. Raises BadSetting."""
        text = environment.get(self.name, "").strip() or self.default
        if text is None:
            raise BadSetting(
                f"{self.name} is not set: {self.meaning}. Valid is {self.valid}. Set it in the "
                "environment or in .env; no request was sent."
            )
        try:
            return self.parse(text)
        except (ValueError, OverflowError) as error:
            # A URL may hold a password or a key, even where none belongs.
            is_open = not self.secret and not {"@", "?"} & set(text)
            came = repr(text[:80]) if is_open else "its value, which is not repeated here,"
            raise BadSetting(
                f"{self.name} cannot be used: {came} is not valid ({error}); valid is {self.valid}."
            ) from error
