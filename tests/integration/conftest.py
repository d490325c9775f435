"""What several integration tests stand on: a new home on each database engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.storage.sql.maintenance import upgrade_database
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.home_checks import assert_home_is_whole
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.sequential_ids import SequentialIds


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    """A new home on each engine."""
    initialise_home(tmp_path / "home", environment="sandbox")
    environ = {}
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        environ["BOT_DATABASE_URL"] = server.new_database()
    app = App(tmp_path / "home", environ=environ, clock=FakeClock(START), ids=SequentialIds())
    if environ:
        upgrade_database(app.home, database_url=environ["BOT_DATABASE_URL"])
    yield app
    assert_home_is_whole(app)
    app.close()
