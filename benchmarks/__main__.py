"""Run every benchmark, one after another: `python -m benchmarks [name …]`.

Each module of this folder with a `main()` measures one claim against a named peer in the same process and
prints the ratio. They run one at a time, so that none is measured beside another.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time

import benchmarks


def names() -> list[str]:
    """Modules of this folder that offer a `main()`."""
    found = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_"))
    return [name for name in found if hasattr(importlib.import_module(f"benchmarks.{name}"), "main")]


def main() -> None:
    available = names()
    wanted = sys.argv[1:] or available
    unknown = sorted(set(wanted) - set(available))
    if unknown:
        raise SystemExit(f"no benchmark named {', '.join(unknown)}; there are {', '.join(available)}")
    for name in wanted:
        print(f"== {name}", flush=True)
        began = time.perf_counter()
        importlib.import_module(f"benchmarks.{name}").main()
        print(f"   ({time.perf_counter() - began:.0f} s)\n", flush=True)


if __name__ == "__main__":
    main()
