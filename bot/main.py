"""Process entry of the `bot` command."""

import sys

from bot.cli.entry import run


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
