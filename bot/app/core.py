"""One home with its settings, its people and its state: the light part, enough for every screen."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from bot import __version__
from bot.app.clock import RandomIds, SystemClock
from bot.app.environment import account, surroundings
from bot.app.settings import Settings, resolve
from bot.exchange.hosts import refuse_real_money
from bot.kernel.clock import Clock
from bot.kernel.errors import RefusedError, SettingsError
from bot.kernel.ids import IdSource
from bot.lifecycle.roles import user_of_account
from bot.storage.documents import RUNTIME_CONFIG
from bot.storage.home import Home, check_home
from bot.storage.private_files import read_toml
from bot.storage.process_info import this_process
from bot.storage.reports import Alarm
from bot.storage.state_store import StateStore


class HomeContext:
    """One home as every command sees it; parts are made once and shared by threads."""

    def __init__(
        self,
        root: Path,
        *,
        environ: Mapping[str, str] | None = None,
        flags: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        on_alarm: Callable[[Alarm], None] | None = None,
    ) -> None:
        self.home = Home(root.resolve())
        self.clock: Clock = clock or SystemClock()
        self.ids: IdSource = ids or RandomIds()
        self.on_alarm = on_alarm
        self._environ = surroundings() if environ is None else environ
        self._flags = flags or {}

    # ---- settings and identity ----------------------------------------------------------------

    @cached_property
    def settings(self) -> Settings:
        """Return the settings as they are now; made anew by `reload_settings`."""
        file = read_toml(self.home.settings_file)
        refuse_real_money(str(file.get("environment", "sandbox")))  # DR-3: whoever asks, and wherever
        runtime: Mapping[str, Any] = {}
        if self.home.runtime_config.exists():
            environment = str(file.get("environment", "sandbox"))
            runtime = self._store_for(environment).read(RUNTIME_CONFIG).content.settings
        settings = resolve(flags=self._flags, environ=self._environ, runtime=runtime, file=file)
        refuse_real_money(str(settings["environment"]))
        if file and settings["environment"] != file.get("environment", "sandbox"):
            raise SettingsError(
                f"This home belongs to {file.get('environment', 'sandbox')}, not to"
                f" {settings['environment']}.",
                why="The environment is fixed at bot init, so that no proposal crosses over.",
                fix="Make another home: bot --home FOLDER init --environment NAME",
            )
        return settings

    def reload_settings(self) -> None:
        """Forget the settings, so that what was applied by command counts."""
        self.__dict__.pop("settings", None)

    @cached_property
    def user_id(self) -> str:
        """Return the user who acts from this operating-system account.

        Raises:
            RefusedError: `role_missing`: the account belongs to no user of this home.
        """
        check_home(self.home, probe=False)
        name = account()
        user = user_of_account(self.settings.users, name)
        if user is None:
            raise RefusedError(
                f"The account {name} is no user of this home.",
                code="role_missing",
                why=f"Users are named in {self.home.settings_file} under [users].",
                fix=f'An admin adds there: [users.NAME] with role and os_user = "{name}"',
            )
        return user

    @property
    def known_user(self) -> str | None:
        """Return the acting user, or None for an account that only looks on."""
        return user_of_account(self.settings.users, account())

    @property
    def actor(self) -> str:
        """Return the acting person as records name them."""
        return f"user_{self.user_id}"

    # ---- state --------------------------------------------------------------------------------

    @cached_property
    def store(self) -> StateStore:
        """Return the state of this home.

        Raises:
            BotError: `home_missing` or `folder_unsafe`.
        """
        check_home(self.home, probe=False)  # looking on must work on a read-only disk
        return self._store_for(str(self.settings["environment"]))

    def recover(self) -> None:
        """Do what every start does first: complete or restore what an interrupted or damaged write left.

        Raises:
            BotError: `home_missing`, `folder_unsafe`, or what keeps the state from being trusted.
        """
        check_home(self.home)
        # The environment from the file alone: the applied settings may be what is damaged.
        environment = str(read_toml(self.home.settings_file).get("environment", "sandbox"))
        with self._store_for(environment).transaction(what="start"):
            pass
        self.reload_settings()

    def _store_for(self, environment: str) -> StateStore:
        return StateStore(
            self.home,
            clock=self.clock,
            ids=self.ids,
            writer=this_process(__version__),
            environment=environment,
            on_alarm=self._alarm,
        )

    def _alarm(self, alarm: Alarm) -> None:
        if self.on_alarm is not None:
            self.on_alarm(alarm)
