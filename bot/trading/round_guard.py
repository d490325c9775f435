"""What fails for one coin, or in one part of a cycle, is an alarm there: the other coins keep their guard.

Storage trouble is everybody's: nothing may be decided without the state, so it goes on to the caller.
"""

from collections.abc import Callable

from bot.kernel.errors import ExchangeError, StopRuleBrokenError, StorageError
from bot.kernel.ids import IdSource
from bot.lifecycle.events import Event, EventType
from bot.storage.state_store import StateStore
from bot.trading.report import Step


class RoundGuard:
    """Runs the parts of a cycle, each for itself."""

    def __init__(self, store: StateStore, ids: IdSource) -> None:
        self._store = store
        self._ids = ids
        self.on_progress: Callable[[], None] = lambda: None
        """Called before each coin that the exchange is asked about by itself."""

    def part(self, work: Callable[[], list[Step]], *, what: str = "drift_watch_failed") -> list[Step]:
        """Let what fails here be an alarm: the exits of this cycle and of the next go on."""
        try:
            return work()
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - the watch never stops what it watches over
            sentence = f"{type(error).__name__}: {error}"
            return [Step(asset="*", what=what, sentence=sentence, alarm=True)]

    def coin(self, asset: str, work: Callable[[], list[Step]]) -> list[Step]:
        """Let one coin's trouble be that coin's alarm."""
        self.on_progress()
        try:
            return work()
        except StorageError:
            raise
        except StopRuleBrokenError as error:
            return [self._stop_rule_broken(asset, error)]
        except Exception as error:  # noqa: BLE001 - whatever it is, the other coins are guarded on
            return [Step(asset=asset, what="failed", sentence=f"{type(error).__name__}: {error}", alarm=True)]

    def _stop_rule_broken(self, asset: str, error: StopRuleBrokenError) -> Step:
        """Audit and alarm: the act ended, the loop goes on."""
        data = {"rule": error.rule, "what": error.what, "why": error.why}
        event = Event(
            type=EventType.STOP_RULE_BROKEN,
            asset=asset,
            actor="bot",
            command_id=self._ids.new_id(),
            data=data,
        )
        with self._store.transaction(what="stop rule") as transaction:
            transaction.record([event])
        return Step(asset=asset, what="stop_rule_broken", sentence=str(error), data=data, alarm=True)


def no_market(asset: str) -> Step:
    """Return the alarm for a coin whose market the exchange does not list."""
    return Step(asset=asset, what="no_market", sentence="the market is gone", alarm=True)


def unavailable(asset: str, error: ExchangeError) -> Step:
    """Return the alarm for a coin (or for all: `*`) about which the exchange does not answer."""
    return Step(asset=asset, what="unavailable", sentence=str(error), alarm=True)
