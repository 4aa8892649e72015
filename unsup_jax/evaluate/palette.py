"""Colours of curves that those who confuse red with green tell apart too.

Of the palette of Okabe and Ito (2008) without its yellow, which is faint on white, and its black, which is the truth's; after six curves the
colours return dashed.
"""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ((), (5, 2), (1, 1.5), (6, 1.5, 1, 1.5))
"""Lengths of strokes and gaps, in widths of the line; none is a whole line."""
LINES = tuple((colour, dash) for dash in DASHES for colour in COLOURS)
"""(colour, strokes and gaps) of one curve after the other."""
