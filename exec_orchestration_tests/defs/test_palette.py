"""The colours: whatever is drawn can be told from what is behind it, in both themes."""

import pytest

from exec_orchestration.defs.plots.palette import (
    CARD,
    COLOURS,
    FRAME,
    INK,
    LINE_COLOURS,
    SCALE,
    between,
    contrast,
    ink_on,
)

WHITE, DARK = "#ffffff", "#0f1012"  # the grounds of Dagster's themes


def test_contrast_is_that_of_wcag() -> None:
    """From 1 to 21, whichever of the two is the darker."""
    assert contrast("#000000", WHITE) == pytest.approx(21)
    assert contrast(WHITE, "#777777") == pytest.approx(4.48, abs=0.01)
    assert contrast(INK, INK) == 1


def test_text_and_outlines_are_readable_on_the_card() -> None:
    """At least 4.5, the more so since the card is the same in both themes."""
    assert contrast(INK, CARD) >= 4.5


@pytest.mark.parametrize("ground", [WHITE, DARK, CARD])
def test_the_cards_frame_is_seen_on_every_ground(ground: str) -> None:
    """At least 3, so that the card has an end on a white page, too."""
    assert contrast(FRAME, ground) >= 3


def test_no_colour_is_text_on_both_grounds() -> None:
    """Which is why plots lie on a card: what has 4.5 on white has less on the dark ground."""
    assert contrast(WHITE, DARK) < 4.5**2


@pytest.mark.parametrize("colour", LINE_COLOURS)
def test_lines_stand_out_by_themselves(colour: str) -> None:
    """They have no outline; everything else has one of ink."""
    assert contrast(colour, CARD) >= 3


@pytest.mark.parametrize("colour", [*COLOURS, *SCALE, *(between(CARD, COLOURS[0], step / 20) for step in range(21))])
def test_text_is_readable_on_every_shape(colour: str) -> None:
    """In black or in white."""
    assert contrast(ink_on(colour), colour) >= 4.5


def test_colours_in_between() -> None:
    """From one end to the other."""
    assert [between("#000000", "#ff8000", share) for share in (0, 0.5, 1)] == ["#000000", "#804000", "#ff8000"]


def test_no_two_colours_are_alike() -> None:
    """Each stands for one series."""
    assert len({*COLOURS}) == len(COLOURS) == 8
    assert len({*SCALE}) == len(SCALE) == 5
