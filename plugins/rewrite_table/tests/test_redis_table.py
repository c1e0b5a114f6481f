import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from qrmiddleware import ConfigError, Query
from qrmiddleware.testing import check_plugin
from qrmiddleware_rewrite_table import RewriteTable
from qrmiddleware_rewrite_table.address import Address
from qrmiddleware_rewrite_table.commands import app
from qrmiddleware_rewrite_table.normalise import NFKC_CASEFOLD
from qrmiddleware_rewrite_table.redis_table import OLD_EXPIRES_S, RedisPlace, RedisTable
from qrmiddleware_rewrite_table.table import Entry, Scored

VARIABLE = "SHOP_REDIS"

pytestmark = pytest.mark.redis

REWRITES = [
    Entry("Garden Hoze", "garden hose", 0.9),
    Entry("garden hoze", "water hose", 0.5),
    Entry("sneekers", "sneakers", 0.8),
]


@pytest.fixture
def address(redis_url, prefix):
    address = Address(redis_url, prefix)
    write(address, REWRITES)
    yield address
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"{prefix}:*", count=10_000):
            client.delete(key)


def write(address, entries):
    return address.write(entries, normalisation=NFKC_CASEFOLD, source="test")


def make(url: str, **options) -> RewriteTable:
    return RewriteTable(RewriteTable.Settings(redis=url, redis_timeout_ms=1000, **options))


def test_keeps_the_plugin_contract(address):
    check_plugin(make(address.where, redis_prefix=address.prefix), queries=["garden hoze"])


def test_finds_the_best_rewrites_of_any_spelling(address):
    with closing(address.open()) as table:
        assert table.find(" GARDEN hoze", limit=1) == [Scored("garden hose", 0.9)]
        assert table.find("garden", limit=1) == []


def test_what_is_exported_is_what_was_written(address):
    with closing(address.open()) as table:
        assert sorted(table.entries()) == sorted(
            Entry(entry.query.lower(), entry.text, entry.score) for entry in REWRITES
        )


@given(query=st.text(st.characters(codec=None)))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_makes_a_look_up_raise(address, query):
    with closing(address.open()) as table:
        assert isinstance(table.find(query, limit=3), list)


def test_the_old_generation_expires_and_the_new_one_does_not(address, redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        old = client.get(f"{address.prefix}:current")

        write(address, [Entry("hat", "cap", 1.0)])

        new = client.get(f"{address.prefix}:current")
        olds = [client.ttl(key) for key in client.scan_iter(f"{address.prefix}:{old}:*")]
        news = [client.ttl(key) for key in client.scan_iter(f"{address.prefix}:{new}:*")]

    assert len(olds) >= 2
    assert all(0 < ttl <= OLD_EXPIRES_S for ttl in olds)
    assert news == [-1, -1]


def test_an_import_that_fails_half_way_leaves_the_old_table_and_nothing_for_ever(
    address, redis_url
):
    place = RedisPlace(address.where, address.prefix)

    def entries():
        yield from (Entry(f"query {n}", "rewrite", 1.0) for n in range(5000))
        raise ZeroDivisionError

    with closing(address.open()) as table:
        metadata = table.check()
        with pytest.raises(ZeroDivisionError):
            place.publish(entries(), metadata)
        assert table.find("sneekers", limit=1)

    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        current = client.get(f"{address.prefix}:current")
        for key in client.scan_iter(f"{address.prefix}:*"):
            if key != f"{address.prefix}:current" and f":{current}:" not in key:
                assert client.ttl(key) > 0


def test_generations_are_switched_under_look_ups_without_an_error_or_a_mixed_answer(address):
    def generation(n: int) -> list[Entry]:
        return [Entry("hat", f"{n}-{rewrite}", 1.0) for rewrite in range(3)]

    write(address, generation(0))
    done = threading.Event()
    place = RedisPlace(address.where, address.prefix)

    def look_up() -> set[str]:
        seen: set[str] = set()
        while not done.is_set():
            answer = {scored.text.split("-")[0] for scored in table.find("hat", limit=3)}
            assert len(answer) == 1
            seen |= answer
        return seen

    with closing(RedisTable(place, check_every_s=0)) as table, ThreadPoolExecutor(4) as pool:
        look_ups = [pool.submit(look_up) for _ in range(4)]
        try:
            for n in range(1, 10):
                write(address, generation(n))
        finally:
            done.set()
        seen = set[str]().union(*(look_up.result() for look_up in look_ups))

        assert len(seen) > 3
        assert table.find("hat", limit=1)[0].text == "9-0"


def test_a_missing_table_names_the_place_and_the_command_that_makes_one(redis_url, prefix):
    with pytest.raises(ConfigError, match=f"no rewrite table at redis.*{prefix}.*qrm table import"):
        make(redis_url, redis_prefix=prefix).qrm_startup()


def test_a_table_made_with_another_normalisation_is_refused(address, redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        current = client.get(f"{address.prefix}:current")
        client.hset(f"{address.prefix}:{current}:metadata", "normalisation", "soundex-3")

    with pytest.raises(ConfigError, match="'soundex-3'"):
        make(address.where, redis_prefix=address.prefix).qrm_startup()


def test_the_password_comes_from_the_environment_and_stays_out_of_messages(
    mortal_redis, monkeypatch
):
    url, _, _ = mortal_redis
    with redis.Redis.from_url(url) as client:
        client.config_set("requirepass", "hush-hush")
    monkeypatch.setenv(VARIABLE, "hush-hush")
    write(Address(url, password_env=VARIABLE), REWRITES)
    plugin = make(url, redis_password_env=VARIABLE)

    plugin.qrm_startup()

    assert plugin.qrm_rewrite(Query("sneekers"))
    plugin.qrm_shutdown()
    monkeypatch.setenv(VARIABLE, "wrong-one")
    with pytest.raises(ConfigError) as caught:
        make(url, redis_password_env=VARIABLE).qrm_startup()
    assert "wrong-one" not in str(caught.value)


def test_a_dead_redis_raises_at_once_and_is_used_again_when_it_is_back(mortal_redis):
    url, kill, bring_back = mortal_redis
    write(Address(url), REWRITES)
    with closing(RedisTable(RedisPlace(url, Address(url).prefix), check_every_s=0)) as table:
        assert table.find("sneekers", limit=1)

        kill()

        before = time.perf_counter()
        with pytest.raises(ConfigError, match="cannot be read or written"):
            table.find("sneekers", limit=1)
        assert time.perf_counter() - before < 4

        bring_back()
        with pytest.raises(ConfigError, match="there is no rewrite table"):
            table.find("sneekers", limit=1)
        write(Address(url), REWRITES)
        assert table.find("sneekers", limit=1)


def test_a_redis_that_does_not_answer_costs_no_more_than_the_timeout(mortal_redis):
    url, _, _ = mortal_redis
    write(Address(url), REWRITES)
    plugin = RewriteTable(RewriteTable.Settings(redis=url, redis_timeout_ms=500))
    assert plugin.qrm_rewrite(Query("sneekers"))
    with redis.Redis.from_url(url) as client:
        client.client_pause(60_000)

        before = time.perf_counter()
        with pytest.raises(ConfigError, match="Timeout"):
            plugin.qrm_rewrite(Query("sneekers"))

    assert time.perf_counter() - before < 4
    plugin.qrm_shutdown()


def test_the_commands_take_an_url_where_they_take_a_path(redis_url, prefix, tmp_path):
    file = tmp_path / "rewrites.tsv"
    file.write_text("query\trewrite\tscore\nhat\tcap\t0.5\n")
    more = tmp_path / "more.tsv"
    more.write_text("hat\tfez\t0.25\n")
    place = ["--redis-prefix", prefix]
    runner = CliRunner()

    for arguments in (
        ["import", str(file), "--to", redis_url],
        ["import", str(more), "--to", redis_url, "--append"],
        ["show", redis_url],
        ["show", redis_url, "HAT"],
        ["export", redis_url, str(tmp_path / "out.tsv")],
    ):
        result = runner.invoke(app, [*arguments, *place])
        assert result.exit_code == 0, result.output

    exported = Path(tmp_path / "out.tsv").read_text()
    assert exported == "query\trewrite\tscore\nhat\tcap\t0.5\nhat\tfez\t0.25\n"
