"""What the benchmark computes rather than measures: the exponent of growth."""

import pytest

from bench.growth import exponent


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_power_of_a_power_is_found(power: float) -> None:
    """Whatever the sizes are."""
    assert exponent([(rows, 3 * rows**power) for rows in (9_125, 100_375, 1_003_750, 10_001_000)]) == pytest.approx(
        power
    )


def test_fixed_costs_of_small_sizes_do_not_hide_it() -> None:
    """Only the last two decades count: 100 thousand to ten million, even where a day is 9,125 rows."""
    flat_at_first = [(9_125, 1.0), (100_375, 1.0), (1_003_750, 10.0), (10_001_000, 100.0)]
    assert exponent(flat_at_first) == pytest.approx(1, abs=0.01)


def test_one_size_has_no_exponent() -> None:
    with pytest.raises(ValueError, match="two sizes"):
        exponent([(100, 1.0)])
