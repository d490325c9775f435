"""One home with its settings, its people and its state: the light part, enough for every screen."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from bot import __version__
from bot.app.clock import RandomIds, SystemClock
from bot.app.environment import account, surroundings
from bot.app.settings import Settings, resolve
from bot.app.settings_review import review_settings
from bot.exchange.hosts import refuse_real_money
from bot.kernel.clock import Clock
from bot.kernel.errors import RefusedError, SettingsError, StateFileError, StorageError
from bot.kernel.ids import IdSource
from bot.lifecycle.events import Event
from bot.lifecycle.refusal_events import refusal_events
from bot.lifecycle.roles import user_of_account
from bot.lifecycle.runtime_config import RuntimeConfigContent, SettingsReview
from bot.storage.documents import RUNTIME_CONFIG
from bot.storage.home import Home, check_home
from bot.storage.private_files import Stamp, read_toml, stamp_of
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
        self._known: tuple[Stamp | None, Settings] | None = None

    # ---- settings and identity ----------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """Return the settings as they are now; what any process applies by command counts at once."""
        stamp = stamp_of(self.home.runtime_config)
        if self._known is not None and stamp in {self._known[0], None}:
            return self._known[1]
        try:
            self._known = (stamp, self._resolved(is_there=stamp is not None))
        except StateFileError:
            if self._known is None:
                raise
            return self._known[1]  # a damaged file is mended by the next change; until then the last good one
        return self._known[1]

    @cached_property
    def _file(self) -> Mapping[str, Any]:
        """Return `bot.toml`, as it was at the start."""
        file = read_toml(self.home.settings_file)
        refuse_real_money(str(file.get("environment", "sandbox")))  # DR-3: whoever asks, and wherever
        return file

    def _resolved(self, *, is_there: bool) -> Settings:
        file = self._file
        applied = RuntimeConfigContent()
        if is_there:
            environment = str(file.get("environment", "sandbox"))
            applied = self._store_for(environment).read(RUNTIME_CONFIG).content
        settings = resolve(
            flags=self._flags,
            environ=self._environ,
            runtime=applied.settings,
            file=file,
            users=applied.users,
        )
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
        """Forget the settings, `bot.toml` included."""
        self._known = None
        self.__dict__.pop("_file", None)

    def review_settings(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> SettingsReview:
        """Say what applying settings by command would do (see `settings_review.review_settings`)."""
        return review_settings(before, after, file=self._file, environ=self._environ)

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
            error = RefusedError(
                f"The account {name} is no user of this home.",
                code="role_missing",
                why="Who may act is told by: bot users ls",
                fix=f"An admin adds it: bot users add NAME --role viewer --os-user {name}",
            )
            self.tell_denied(refusal_events(error, asset="*", actor="system", refused=f"account {name}"))
            raise error
        return user

    def tell_denied(self, events: Sequence[Event]) -> None:
        """Put a denial into the audit log; it stands, whether or not it can be written down."""
        with contextlib.suppress(StorageError), self.store.transaction(what="denial") as transaction:
            transaction.record(events)

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
