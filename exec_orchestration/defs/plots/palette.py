"""The colours of our plots, and how well colours can be told from each other. No drawing here."""

# Every picture lies on a card of its own, so that the theme of the page around it does not matter.
CARD, INK, GRID, FRAME = "#f7f8fa", "#24292f", "#d5d9de", "#7d858f"
# Okabe and Ito's colours, which colour-blind people tell apart; the order keeps neighbours apart in lightness, too.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
LINE_COLOURS = ("#0072b2", "#d55e00", "#009e73")  # a line has no outline, so it has to stand out by itself
SCALE = ("#0072b2", "#7cc4ea", "#fdd49a", "#e08214", "#d9dce0")  # from best to worst, and last what is not known


def luminance(colour: str) -> float:
    """How light a colour of the form #rrggbb is, from 0 to 1, as WCAG defines it."""
    parts = [part / 255 for part in _parts(colour)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21; text needs 4.5 and everything else 3."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(colour: str) -> str:
    """Black or white, whichever is readable on a colour."""
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, colour))


def between(start: str, end: str, share: float) -> str:
    """The colour that lies a share of the way from one to another."""
    mixed = (low + (high - low) * share for low, high in zip(_parts(start), _parts(end), strict=True))
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def _parts(colour: str) -> list[int]:
    """Red, green and blue, from 0 to 255."""
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
