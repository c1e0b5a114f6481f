import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware_beque.prompts.tasks import DEFAULT, SHORT, load_prompts, one_line

WHOLE = (
    "# rewrite\n$query\n# quality\n$query = $rewrite\n# title\n$query\n# reasoned\n$query\n"
    "# reasoned answer\n$reason: $rewrite\n"
)


@pytest.mark.parametrize("version", [DEFAULT, SHORT])
def test_packaged_prompts_tell_everything_and_say_their_version(version):
    prompts = load_prompts(version)

    assert prompts.version == version
    for task in ("rewrite", "title", "reasoned"):
        assert "red shoe" in prompts.ask(task, query="red shoe")
    asked = prompts.ask("quality", query="red shoe", rewrite="trainer")
    assert asked.index("red shoe") < asked.index("trainer")
    assert len({prompts.ask(task, query="x") for task in ("rewrite", "title", "reasoned")}) == 3


def test_a_query_is_told_on_one_line_and_is_never_a_place_itself():
    prompts = load_prompts(SHORT)

    assert prompts.ask("rewrite", query=" red\n\n$query  {query} ") == (
        "rewrite: red $query {query}"
    )
    assert one_line("\ud800 x\ty") == "? x y"


def test_prompts_of_ones_own_are_read(tmp_path):
    (tmp_path / "mine-3.md").write_text(WHOLE)

    prompts = load_prompts(str(tmp_path / "mine-3.md"))

    assert prompts.version == "mine-3"
    assert prompts.ask("reasoned answer", reason="why", rewrite="so") == "why: so"


@pytest.mark.parametrize(
    ("was", "now", "problem"),
    [
        ("$query = $rewrite", "$query", "“# quality” lacks \\$rewrite"),
        ("# title\n$query\n", "", "“# title” lacks \\$query"),
        ("# rewrite\n$query", "# rewrite\n$query $shop", "“# rewrite” has no \\$shop"),
    ],
)
def test_prompts_that_lack_a_part_or_tell_too_much_are_refused(tmp_path, was, now, problem):
    (tmp_path / "mine.md").write_text(WHOLE.replace(was, now))

    with pytest.raises(ConfigError, match=problem):
        load_prompts(str(tmp_path / "mine.md"))


def test_prompts_that_are_not_there_are_named():
    with pytest.raises(ConfigError, match="rewriting-1 and rewriting-short-1"):
        load_prompts("rewriting-9")
