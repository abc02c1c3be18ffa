"""Who is on the other side, and the key that no text may hold."""

import pytest

from exec_orchestration.apis.vendor import without_key

KEY = "ab/cd+ef/1234"


@pytest.mark.parametrize("form", [KEY, "ab\\/cd+ef\\/1234", "ab/cd%2Bef/1234", "ab%2Fcd%2Bef%2F1234"])
def test_a_key_is_masked_in_whatever_form_it_comes(form: str) -> None:
    """As it is, as JSON escapes it, and as addresses do."""
    assert without_key(f"unknown key {form}.", KEY) == "unknown key ***."
