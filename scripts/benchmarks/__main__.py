"""The benchmarks, called by scripts/bench.

`quantize` measures beside peers, `decode` behind models, `runtime` what running costs, `parity` compares engines,
`updates` fetches models over the broker, `mail` sends results under kills, `ingest` takes them in, and nothing measures
what it claims.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the benchmark that the command line names."""
    match sys.argv[1:]:
        case ["quantize", *words]:
            from scripts.benchmarks.quantize import main as quantize

            quantize(words)
        case ["decode"]:
            from scripts.benchmarks.decode import main as decode

            decode()
        case ["runtime", *words]:
            from scripts.benchmarks.runtime import main as runtime

            runtime(words)
        case ["parity", *words]:
            from scripts.benchmarks.parity import main as parity

            parity(words)
        case ["updates"]:
            from scripts.benchmarks.updates import main as updates

            updates()
        case ["mail"]:
            from scripts.benchmarks.mail import main as mail

            mail()
        case ["ingest"]:
            from scripts.benchmarks.ingest import main as ingest

            ingest()
        case ["engines", *names]:
            from scripts.benchmarks.parity import make_engines

            make_engines(names)
        case words:
            from scripts.benchmarks.overview import main as overview

            overview(words)


if __name__ == "__main__":
    main()
