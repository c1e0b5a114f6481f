import json

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.rewrite_tables.choosing import Scored
from qrmiddleware.recipes.rewrite_tables.importing import Target, import_rewrites, run_table


@pytest.fixture
def table(tmp_path):
    return Target(str(tmp_path / "rewrites.sqlite"))


@pytest.fixture
def content(tmp_path, table):
    """What stands in the table."""

    def read():
        file = tmp_path / "read.jsonl"
        run_table("export", table.table, str(file))
        rows = map(json.loads, file.read_text().splitlines())
        return {row["query"]: [(r["text"], r["score"]) for r in row["rewrites"]] for row in rows}

    return read


def test_a_table_is_made_of_rewrites(tmp_path, table, content):
    count = import_rewrites(tmp_path, {"hoze": [Scored("hose", 0.9), Scored("tube", 0.5)]}, table)

    assert count == 1
    assert content() == {"hoze": [("hose", 0.9), ("tube", 0.5)]}


def test_what_others_put_there_stays_and_what_we_did_gives_way(tmp_path, table, content):
    (tmp_path / "theirs.tsv").write_text("hoze\tpipe\t0.7\nhat\tcap\t1\nsneekers\tsneakers\t1\n")
    run_table("import", str(tmp_path / "theirs.tsv"), "--to", table.table)
    import_rewrites(tmp_path, {"hoze": [Scored("hose", 0.9)], "shu": [Scored("shoe", 0.8)]}, table)

    import_rewrites(tmp_path, {"hoze": [Scored("tube", 0.5)], "hat": [Scored("cap", 0.2)]}, table)

    assert content() == {
        "hoze": [("pipe", 0.7), ("tube", 0.5)],
        "hat": [("cap", 0.2)],
        "sneekers": [("sneakers", 1.0)],
    }


def test_an_import_that_was_killed_is_made_good(tmp_path, table, content, monkeypatch):
    import_rewrites(tmp_path, {"hoze": [Scored("hose", 0.9)]}, table)
    from qrmiddleware.recipes.rewrite_tables import importing  # noqa: PLC0415 to break it

    def killed(*arguments):
        run_table(*arguments)
        if arguments[0] == "import":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(importing, "run_table", killed)
        with pytest.raises(KeyboardInterrupt):
            import_rewrites(tmp_path, {"hoze": [Scored("tube", 0.5)], "a": [Scored("b", 1)]}, table)

    import_rewrites(tmp_path, {"hoze": [Scored("pipe", 0.4)]}, table)

    assert content() == {"hoze": [("pipe", 0.4)]}


def test_without_rewrites_no_table_is_made(tmp_path, table):
    assert import_rewrites(tmp_path, {}, table) == 0
    assert not (tmp_path / "rewrites.sqlite").exists()


def test_keys_are_made_as_they_are_asked_for(tmp_path, table, content):
    target = Target(table.table, ignore_punctuation=True)

    import_rewrites(tmp_path, {"t-shirt": [Scored("tee", 1.0)]}, target)

    assert content() == {"t shirt": [("tee", 1.0)]}


def test_a_table_that_cannot_be_read_is_left_alone(tmp_path, table):
    (tmp_path / "rewrites.sqlite").write_text("something else")

    with pytest.raises(ConfigError, match=r"rewrites\.sqlite"):
        import_rewrites(tmp_path, {"hoze": [Scored("hose", 1.0)]}, table)

    assert (tmp_path / "rewrites.sqlite").read_text() == "something else"


def test_options_of_redis_are_handed_on():
    target = Target("redis://h", redis_prefix="p", redis_password_env="SECRET")  # noqa: S106 a name

    assert target.redis_options == ("--redis-prefix", "p", "--redis-password-env", "SECRET")
    with pytest.raises(ConfigError, match="SECRET"):
        run_table("export", "redis://localhost:1", "x.jsonl", *target.redis_options)
