"""What the process's surroundings say, apart from settings: where, how loud, how plain."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import platformdirs


def surroundings() -> Mapping[str, str]:
    """Return the environment variables of this process."""
    return os.environ


def account() -> str:
    """Return the operating-system account of this process; never what a variable claims."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number that has no name
        return f"uid{os.getuid()}"


def account_exists(name: str) -> bool:
    """Say whether this host knows an operating-system account of this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return name == f"uid{os.getuid()}"
    return True


def wants_debug() -> bool:
    """Say whether `BOT_DEBUG` asks for tracebacks."""
    return bool(os.environ.get("BOT_DEBUG"))


def wants_no_colour() -> bool:
    """Say whether `NO_COLOR` (no-color.org) asks for output without escape codes."""
    return bool(os.environ.get("NO_COLOR"))


def shown_path(path: Path) -> str:
    """Return a path as people write it: `~` stands for the user's own folder."""
    own = os.environ.get("HOME")
    if own and own != "/" and path.is_relative_to(own):
        return str(Path("~") / path.relative_to(own))
    return str(path)


def default_home() -> Path:
    """Return the home to use without `--home`: `BOT_HOME`, a folder with `state/`, or the user's own."""
    if os.environ.get("BOT_HOME"):
        return Path(os.environ["BOT_HOME"]).expanduser()
    if (Path.cwd() / "state").is_dir():
        return Path.cwd()
    return Path(platformdirs.user_data_dir("managed-holdings", appauthor=False))
