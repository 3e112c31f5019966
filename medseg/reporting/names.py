"""Names in pictures: no longer than there is room for, on one line.

What draws them does so within ``rc_context({"text.parse_math": False})``: matplotlib would read $ as the begin of a
formula.
"""

from __future__ import annotations

LONGEST = 32


def shown_name(name: str, longest: int = LONGEST) -> str:
    """As it is drawn: its middle is left out where it is longer, and what is no letter of a line is a blank.

    A blank goes before an underscore, for matplotlib leaves labels that begin with one out of its legends.

    >>> shown_name("reader 7"), shown_name("a" * 300, longest=7), shown_name("_x")
    ('reader 7', 'aaaa…aa', ' _x')
    """
    line = "".join(letter if letter.isprintable() else " " for letter in name)
    if len(line) > longest:
        line = f"{line[: longest // 2 + 1]}…{line[len(line) - (longest - longest // 2 - 2) :]}"
    return f" {line}" if line.startswith("_") else line
