"""Runs one target under atheris: `python -m fuzz.run snp-report -runs=1000000`."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cleanroom", "cbor2", "ruamel", "rfc8785"]):
    from fuzz.targets import TARGETS, feed


def main(arguments: list[str]) -> int:
    """Fuzz a target from its seeds; libFuzzer ends the process."""
    if not arguments or arguments[0] not in TARGETS:
        sys.stderr.write(f"one of: {' '.join(TARGETS)}\n")
        return 2
    name, *options = arguments
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds()):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        limits = [f"-max_len={target.longest}", "-timeout=10", "-rss_limit_mb=2048"]
        places = [] if any(not one.startswith("-") for one in options) else [corpus]
        atheris.Setup([sys.argv[0], *limits, *options, *places], lambda raw: feed(target, raw))
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
