"""Ending with the process that started this one."""

import os
import signal
import threading

from bot.kernel.clock import Clock

_LOOK_EVERY_S = 0.5


def watch_parent(clock: Clock, parent: int) -> None:
    """Send this process SIGTERM once its parent is gone: children of a killed demo do not stay.

    The parent tells its own number, because it may be gone before this process comes to look.
    """

    def watch() -> None:
        while os.getppid() == parent:
            clock.sleep(_LOOK_EVERY_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
