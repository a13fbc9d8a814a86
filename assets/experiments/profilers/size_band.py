"""A band of brand sizes as a person writes it: shares or counts of the users who are customers already."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BAND = re.compile(r"^\s*([\d.]+)\s*(%?)\s*(?:-|–|…|to|\.\.)\s*([\d.]+)\s*(%?)\s*$")

TABLE_BRANDS = 39  #: of the table of brands, where nobody asks for other brands


@dataclass(frozen=True)
class SizeBand:
    """Sizes from `low` to `high`, both included."""

    low: float
    high: float
    of_users: bool  #: shares of the users, 0 to 1; else counts of customers

    @classmethod
    def read(cls, text: str) -> SizeBand:
        """`1.5%-15%` or `1.5-15%` as shares, `40-800` as counts.

        Raises:
            ValueError: another form, a share above 100 %, or a band that ends before it begins.
        """
        match = _BAND.match(text)
        wrong = f"--size-band {text!r} is no band: write shares of the users, 1.5%-15%, or customers, 40-800"
        if match is None or (match[2] and not match[4]):
            raise ValueError(wrong)
        try:
            low, high = float(match[1]), float(match[3])
        except ValueError as error:
            raise ValueError(wrong) from error
        shares = bool(match[4])
        if (
            high < low
            or (shares and high > 100)
            or (not shares and not (low.is_integer() and high.is_integer()))
        ):
            why = (
                "counts are whole numbers"
                if high >= low and not shares
                else "from low to high, 100 % at most"
            )
            raise ValueError(f"{wrong} ({why})")
        return cls(low / 100, high / 100, True) if shares else cls(low, high, False)

    @property
    def written(self) -> str:
        """The band in one form, however it was written."""
        if self.of_users:
            return f"{100 * self.low:.6g}%-{100 * self.high:.6g}%"
        return f"{self.low:.0f}-{self.high:.0f}"

    def customers(self, users: int) -> tuple[float, float]:
        """The numbers of customers at both ends, among so many users."""
        scale = users if self.of_users else 1
        return self.low * scale, self.high * scale
