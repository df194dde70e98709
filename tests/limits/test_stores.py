"""What every store promises: one worker at a time, by one clock, and an error when it is away."""

import asyncio
import multiprocessing
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from include.errors import ConfigurationError
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


async def command(url: str, *words: str) -> Any:
    client = redis.asyncio.Redis.from_url(url, decode_responses=True)
    try:
        return await client.execute_command(*words)
    finally:
        await client.aclose()


@pytest.mark.slow
def test_a_server_that_refuses_is_away_in_its_own_words_and_so_is_one_that_holds_something_else() -> None:
    async def run() -> list[str]:
        said = []
        with running_valkey() as server:
            url = url_of(server)

            async def ask(key: str) -> None:
                async with opened(lambda: RedisStore(url)) as store:
                    try:
                        await store.update(key, count)
                    except StoreAway as away:
                        said.append(str(away))

            await ask("k")
            await command(url, "RPUSH", "nightshift:list", "1")
            await ask("list")
            await command(url, "SET", "nightshift:text", "no JSON")
            await ask("text")
            await command(url, "SET", "nightshift:number", "3")
            await ask("number")
            await command(url, "CONFIG", "SET", "maxmemory", "1")
            await ask("k")
            await command(url, "CONFIG", "SET", "maxmemory", "0")
            await command(url, "REPLICAOF", "127.0.0.1", "1")
            await ask("k")
            await command(url, "REPLICAOF", "NO", "ONE")
            await command(url, "CONFIG", "SET", "requirepass", "secret-of-the-store")
            await ask("k")
        return said

    said = asyncio.run(run())
    expected = ["WRONGTYPE", "prefix", "prefix", "OOM|OutOfMemory", "(?i)read.?only", "(?i)auth"]
    for words, names in zip(said, expected, strict=True):
        assert re.search(names, words), words
        assert words.startswith("NIGHTSHIFT_REDIS_URL: ") and "secret-of-the-store" not in words


@pytest.mark.slow
def test_a_prefix_keeps_two_deployments_apart_and_none_is_as_it_was(valkey_url: str) -> None:
    async def run() -> tuple[list[int], list[str]]:
        numbers = []
        for query in ("", "?prefix=team-a", "?prefix=team-b&socket_timeout=2", "?prefix=team-a", "?prefix=nightshift"):
            async with opened(lambda query=query: RedisStore(valkey_url + query)) as store:
                numbers.append(await store.update("two deployments", count))
        return numbers, await command(valkey_url, "KEYS", "*:two deployments")

    numbers, keys = asyncio.run(run())
    assert numbers == [1, 1, 1, 2, 2]
    assert sorted(keys) == [f"{name}:two deployments" for name in ("nightshift", "team-a", "team-b")]


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("redis://h/0?prefix=", "prefix is 1 to 64"),
        ("redis://h/0?prefix=a&prefix=b", "prefix is 1 to 64"),
        ("redis://h/0?prefix=two%20words", "prefix is 1 to 64"),
        ("redis://h/0?prefx=team-a", "'prefx' is no option"),
        ("redis://h/0?socket_timeout=soon", "is not of the form"),
        ("http://:a-secret@h", "is not of the form"),
        ("redis://:a-secret/b@h:6379/0", "is not of the form"),
    ],
)
def test_what_is_no_url_of_a_store_is_said_and_the_password_is_not(url: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"NIGHTSHIFT_REDIS_URL.*{named}") as raised:
        open_store({"NIGHTSHIFT_REDIS_URL": url})
    assert "secret" not in str(raised.value)


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
