"""The contract of `bot.kernel.ids.IdSource`, on every implementation."""

import importlib
import threading
import uuid
from collections.abc import Callable

import pytest

from bot.kernel.ids import IdSource, is_id
from tests.fakes.sequential_ids import SequentialIds, nth_id


def _sequential() -> IdSource:
    return SequentialIds()


def _random() -> IdSource:
    ids: IdSource = importlib.import_module("bot.app.clock").RandomIds()
    return ids


@pytest.fixture(params=[_sequential, _random], ids=["sequential", "random"])
def any_ids(request: pytest.FixtureRequest) -> IdSource:
    make: Callable[[], IdSource] = request.param
    return make()


def test_an_id_is_a_lower_case_uuid_that_may_be_part_of_a_file_name(any_ids: IdSource) -> None:
    new = any_ids.new_id()
    assert str(uuid.UUID(new)) == new
    assert is_id(new)


def test_ids_differ_also_between_threads(any_ids: IdSource) -> None:
    made: list[str] = []

    def make_many() -> None:
        made.extend(any_ids.new_id() for _ in range(250))

    threads = [threading.Thread(target=make_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1_000


def test_the_sequential_ids_can_be_named_in_a_test() -> None:
    assert SequentialIds().new_id() == nth_id(1)
