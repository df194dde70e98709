"""What every store promises: one worker at a time, by one clock, and an error when it is away."""

import asyncio
import multiprocessing
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from include.limits.open_store import open_store
from include.limits.redis_store import RedisStore
from include.limits.sqlite_store import SqliteStore
from include.limits.store import MemoryStore, Store, StoreAway
from tests.servers.valkey import running_valkey, url_of

Make = Callable[[], Store]


def count(held: dict[str, Any], now: float) -> tuple[dict[str, Any], int]:
    number = held.get("number", 0) + 1
    return {"number": number}, number


@pytest.fixture(params=["memory", "sqlite", pytest.param("valkey", marks=pytest.mark.slow)])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "memory":
        return MemoryStore
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "limits.sqlite")
    url = request.getfixturevalue("valkey_url")
    return lambda: RedisStore(url)


@asynccontextmanager
async def opened(make: Make) -> AsyncIterator[Store]:
    store = make()
    try:
        yield store
    finally:
        await store.aclose()


def test_a_step_gets_what_the_last_one_stored(make_store: Make, tmp_path: Path) -> None:
    async def twice() -> list[int]:
        async with opened(make_store) as store:
            return [await store.update(f"k{tmp_path}", count) for _ in range(3)]

    assert asyncio.run(twice()) == [1, 2, 3]


def test_keys_do_not_touch_each_other(make_store: Make, tmp_path: Path) -> None:
    async def two() -> list[int]:
        async with opened(make_store) as store:
            return [await store.update(f"{key}{tmp_path}", count) for key in ("a", "b")]

    assert asyncio.run(two()) == [1, 1]


def test_the_clock_goes_on(make_store: Make, tmp_path: Path) -> None:
    async def times() -> tuple[float, float]:
        async with opened(make_store) as store:
            first = await store.update(f"t{tmp_path}", lambda held, now: (held, now))
            await asyncio.sleep(0.05)
            return first, await store.update(f"t{tmp_path}", lambda held, now: (held, now))

    first, second = asyncio.run(times())
    assert 0.04 < second - first < 30


LANES = 5


def count_often(make: Callable[..., Store], argument: Any, times: int) -> None:
    async def run() -> None:
        store = make(argument)

        async def lane() -> None:
            for _ in range(times // LANES):
                await store.update("shared", count)

        # A few at once: fifty connections opened together time out on a machine that is busy with other tests.
        await asyncio.gather(*(lane() for _ in range(LANES)))
        await store.aclose()

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "valkey"])
def test_no_step_of_four_processes_is_lost(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    make: Callable[..., Store] = SqliteStore if kind == "sqlite" else RedisStore
    argument = tmp_path / "shared.sqlite" if kind == "sqlite" else request.getfixturevalue("valkey_url")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=count_often, args=(make, argument, 50)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4

    async def total() -> int:
        store = make(argument)
        number = await store.update("shared", count)
        await store.aclose()
        return number

    assert asyncio.run(total()) == 201


def test_a_step_that_fails_changes_nothing(make_store: Make, tmp_path: Path) -> None:
    def fail(held: dict[str, Any], now: float) -> tuple[dict[str, Any], int]:
        raise ZeroDivisionError

    async def run() -> int:
        async with opened(make_store) as store:
            await store.update(f"f{tmp_path}", count)
            with pytest.raises(ZeroDivisionError):
                await store.update(f"f{tmp_path}", fail)
            return await store.update(f"f{tmp_path}", count)

    assert asyncio.run(run()) == 2


def test_a_server_that_does_not_answer_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    async def ask() -> None:
        async with opened(lambda: RedisStore(f"redis://127.0.0.1:{port}/0")) as store:
            await store.update("k", count)

    with pytest.raises(StoreAway, match="NIGHTSHIFT_REDIS_URL"):
        asyncio.run(ask())


@pytest.mark.slow
def test_a_server_that_comes_back_is_asked_again() -> None:
    async def run() -> int:
        with running_valkey() as server:
            port, store = server.port, RedisStore(url_of(server))
            await store.update("k", count)
        with pytest.raises(StoreAway):
            await store.update("k", count)
        with running_valkey(port):
            number = await store.update("k", count)
            await store.aclose()
            return number

    assert asyncio.run(run()) == 1


def test_a_folder_that_cannot_be_written_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    async def ask() -> None:
        async with opened(lambda: SqliteStore(tmp_path / "file" / "limits.sqlite")) as store:
            await store.update("k", count)

    with pytest.raises(StoreAway):
        asyncio.run(ask())


def test_the_deployment_chooses_by_its_setting(valkey_url: str) -> None:
    assert isinstance(open_store({}), SqliteStore)
    assert isinstance(open_store({"NIGHTSHIFT_REDIS_URL": valkey_url}), RedisStore)
