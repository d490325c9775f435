"""What the fault tests share: the tally, and homes to break."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.storage_faults import add_asset, new_store
from tests.faults.tally import Tally


@pytest.fixture(scope="session")
def tally() -> Iterator[Tally]:
    """Count what is tried."""
    counted = Tally()
    yield counted
    counted.save()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which BTC was added; to be copied, never changed."""
    store = new_store(tmp_path_factory.mktemp("home") / "template")
    add_asset(store, "BTC")
    return store.home.root
