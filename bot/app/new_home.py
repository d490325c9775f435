"""Making a home: folders, settings file, first admin, first versions of the documents."""

import re
from pathlib import Path

from bot.app.core import HomeContext
from bot.app.environment import account
from bot.exchange.hosts import refuse_real_money
from bot.storage.home import Home, create_home
from bot.storage.private_files import create_text

_SETTINGS_TEXT = """\
# Settings of this home. `bot settings show --origin` lists all of them with their meaning.
environment = "{environment}"

# Who may act here first; os_user is the operating-system account that the person works from.
# Others are added by `bot users add`; from the first such change on, `bot users ls` tells who counts.
[users.{user}]
role = "admin"
os_user = "{account}"
"""


def initialise_home(root: Path, *, environment: str) -> Home:
    """Make a home for one environment, with whoever runs this as its first admin.

    An interrupted start is completed; a finished home is left alone.

    Raises:
        BotError: `environment_refused`, `folder_unsafe`, `home_exists`.
    """
    refuse_real_money(environment)
    home = create_home(root)
    name = account()
    if not home.settings_file.exists():
        text = _SETTINGS_TEXT.format(
            environment=environment, user=re.sub(r"\W", "_", name.lower(), flags=re.ASCII), account=name
        )
        create_text(home.settings_file, text)
    HomeContext(root, flags={"environment": environment}).store.initialise()
    return home
