"""Whether the files of a state are those that were written: their hashes, and which of them differ."""

from __future__ import annotations

from pathlib import Path

from assets.common.provenance import content_hash

MOST_REMEMBERED = 256

#: (path, hash) → sizes and times of its files when they had this hash; of this process
_seen: dict[tuple[str, str], tuple[object, ...]] = {}


def hashes_of(path: Path) -> dict[str, str]:
    """Name, from the state's folder → hash of the bytes of every file of a state."""
    return {str(file.relative_to(path.parent)): content_hash(file) for file in _files(path)}


def unchanged(path: Path, state_hash: str) -> bool:
    """Whether a state's files have this hash. A process reads them once, and again where one was touched."""
    stats = [(file, file.stat()) for file in _files(path)]
    signature = tuple(
        (str(file), at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino) for file, at in stats
    )
    address = (str(path), state_hash)
    if _seen.get(address) == signature:
        return True
    if content_hash(path) != state_hash:
        return False
    if len(_seen) >= MOST_REMEMBERED:
        _seen.clear()
    _seen[address] = signature
    return True


def differing(path: Path, hashes: dict[str, str]) -> list[str]:
    """The files of a state that differ from `hashes`, are missing or were added; by name, in order."""
    present = hashes_of(path)
    return sorted(name for name in hashes.keys() | present.keys() if hashes.get(name) != present.get(name))


def _files(path: Path) -> list[Path]:
    return [file for file in sorted(path.rglob("*")) if file.is_file()] if path.is_dir() else [path]
