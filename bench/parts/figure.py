"""One line of the table that bench/run prints."""

import textwrap
from dataclasses import dataclass
from typing import Optional


@dataclass
class Figure:
    what: str
    value: str
    target: str = ""             # empty: a figure to compare with, or to know
    reached: Optional[bool] = None

    @property
    def verdict(self) -> str:
        return "" if self.reached is None else "ok" if self.reached else "missed"


def at_most(what: str, value: float, limit: float, unit: str = "", digits: int = 2) -> Figure:
    space = "" if unit in ("", "x") else " "
    return Figure(what, f"{value:.{digits}f}{space}{unit}", f"<= {limit:.3g}{space}{unit}", value <= limit)


def known(what: str, value: float, unit: str = "", digits: int = 2) -> Figure:
    return Figure(what, f"{value:.{digits}f}{'' if unit in ('', 'x') else ' '}{unit}")


def left_out(what: str, reason: str) -> Figure:
    return Figure(what, "not measured", reason)


def table(title: str, figures: list) -> str:
    rows = [("figure", "measured", "target", "")] + [(f.what, f.value, f.target, f.verdict) for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return title + "\n" + textwrap.indent("\n".join(lines), "  ") + "\n"
