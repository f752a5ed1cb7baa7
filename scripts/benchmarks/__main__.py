"""The benchmarks, called by scripts/bench.

`quantize` measures beside peers, `decode` behind models, `runtime` what running costs, `parity` compares engines,
`updates` fetches models over the broker, `mail` sends results under kills, `ingest` takes them in, `flash` writes
drives, and nothing measures what it claims.
"""

from __future__ import annotations

import sys
from importlib import import_module

_WITH_OPTIONS = ("quantize", "runtime", "parity")
_WITHOUT = ("decode", "updates", "mail", "ingest", "flash")


def main() -> None:
    """Run the benchmark that the command line names: `main` of the module of this name."""
    match sys.argv[1:]:
        case [name, *words] if name in _WITH_OPTIONS:
            import_module(f"scripts.benchmarks.{name}").main(words)
        case [name] if name in _WITHOUT:
            import_module(f"scripts.benchmarks.{name}").main()
        case ["engines", *names]:
            from scripts.benchmarks.parity import make_engines

            make_engines(names)
        case words:
            from scripts.benchmarks.overview import main as overview

            overview(words)


if __name__ == "__main__":
    main()
