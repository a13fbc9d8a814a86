"""What one file from elsewhere may cost, asked before it is read; limits that a real day never meets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from warehouse.landing.rejection import FileRejected

PREFIX = "HOURFOLD_FILE_"
ALWAYS_BYTES = 2**28  #: unpacked, from however small a file: `expansion` begins to count beyond


@dataclass(frozen=True)
class UnpackedLimit:
    """How many bytes a file may have once unpacked, and the setting that says so (empty: none does)."""

    size: int
    setting: str = ""

    def refusal(self, path: Path) -> FileRejected:
        """The refusal of a file with more bytes."""
        what = f"is larger than {self.size / 2**30:.3g} GiB unpacked"
        if not self.setting:
            return FileRejected(path, f"{what}: split it")
        on_disk = path.stat().st_size if path.exists() else 0
        return FileRejected(
            path,
            f"{what}, with {on_disk:,} bytes on the disk: split it, or raise {self.setting} in the "
            "environment if the file is what it should be",
        )


class FileLimits(BaseModel):
    """Limits of each landed file and list of customers; `HOURFOLD_FILE_` and the name in the environment.

    A file beyond one is refused before it is parsed; nothing of its partition is loaded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gib: float = Field(
        default=2.0,
        gt=0,
        le=2,
        description="HOURFOLD_FILE_GIB: of a file unpacked, in GiB; Arrow's text holds 2",
    )
    rows: int = Field(default=100_000_000, ge=1, description="HOURFOLD_FILE_ROWS: of a file")
    expansion: float = Field(
        default=500.0,
        ge=1,
        description="HOURFOLD_FILE_EXPANSION: how many times its own size a file may have unpacked, beyond "
        "256 MiB; text packs ten to fifty times, a bomb a thousand",
    )

    @classmethod
    def current(cls) -> FileLimits:
        """The limits of this process; ValueError names the variable that is none."""
        named = {name: os.environ.get(PREFIX + name.upper()) for name in cls.model_fields}
        try:
            return cls.model_validate({name: value for name, value in named.items() if value})
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            variable = PREFIX + str(wrong["loc"][0]).upper()
            raise ValueError(f"{variable} is {wrong['input']!r}: {wrong['msg']}") from error

    @property
    def whole(self) -> UnpackedLimit:
        """Of any file."""
        return UnpackedLimit(int(self.gib * 2**30), PREFIX + "GIB")

    def unpacked(self, size: int) -> UnpackedLimit:
        """Of a file with `size` bytes on the disk."""
        grown = max(int(size * self.expansion), ALWAYS_BYTES)
        return self.whole if self.whole.size <= grown else UnpackedLimit(grown, PREFIX + "EXPANSION")

    def refuse_rows(self, path: Path, rows: int) -> None:
        """FileRejected for a file with more rows than the limit."""
        if rows > self.rows:
            raise FileRejected(
                path,
                f"has {rows:,} rows, more than {self.rows:,}: split it, or raise {PREFIX}ROWS in the "
                "environment if the file is what it should be",
            )
