"""Building a document without Python's search for cycles, which grows faster than the document does.

A document's plain data holds no cycles, so counting references frees all of it. The search is switched
off for the whole process, for the moments that a commit is built; who holds the state's lock does it.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def cycle_search_at_rest() -> Iterator[None]:
    """Do the body without looking for cycles; where somebody else switched that off, it stays off."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
