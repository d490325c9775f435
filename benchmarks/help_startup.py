"""How long a person waits for `bot --help`, beside a bare click program that imports rich."""

import functools
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Result, alternating_ms, compare

BARE = Path(__file__).with_name("bare_click.py")
# What the installed `bot` script does, started the same way as the other program.
BOT = "import sys; sys.argv[0] = 'bot'; from bot.main import main; sys.exit(main())"


def _help(*command: str) -> None:
    run = subprocess.run([sys.executable, *command, "--help"], capture_output=True, check=True)
    if b"Usage" not in run.stdout:
        raise RuntimeError(f"no help came from {command}: {run.stdout!r}")


def measure(*, quick: bool = False) -> list[Result]:
    """Return the median over 21 alternating runs of each."""
    ours, theirs = alternating_ms(
        [functools.partial(_help, "-c", BOT), functools.partial(_help, str(BARE))], rounds=1 if quick else 21
    )
    return [
        compare(
            "bot --help",
            ours=ours,
            theirs=theirs,
            unit="ms",
            against="a bare click program that imports rich",
            times=2.0,
        )
    ]
