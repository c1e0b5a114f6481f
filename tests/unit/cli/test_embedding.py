import pytest
from typer.testing import CliRunner

from qrmiddleware.cli.app import build_app
from qrmiddleware.errors import ConfigError, UpstreamError
from qrmiddleware.evaluation.embedding import Embedded, Embedder
from qrmiddleware.testing.students import make_student


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("students")
    return make_student(folder / "bi", "bi_encoder", fields=("title", "brand"))


@pytest.fixture
def asked(monkeypatch):
    """Embeds nothing, and keeps what was asked for."""
    plans = []

    async def embed(self, plan, tick):
        plans.append(plan)
        tick(2, 3)
        return Embedded(written=2, without_text=1)

    monkeypatch.setattr(Embedder, "embed", embed)
    return plans


def run(*words):
    return CliRunner().invoke(build_app(), ["embed", *map(str, words)])


def test_says_what_was_written_where_and_keeps_credentials_to_itself(student, asked):
    done = run(student, "--url", "http://me:secret@engine:9200", "--index", "shop", "--missing")

    assert done.exit_code == 0, done.output
    assert "2 documents of shop at http://engine:9200 have vectors in embedding" in done.output
    assert "1 have no text in title, brand" in done.output
    (plan,) = asked
    assert (plan.text_fields, plan.width, plan.missing) == (("title", "brand"), 16, True)


def test_fields_can_be_others(student, asked):
    run(student, "--fields", "name, colour", "--field", "vectors.name")

    assert (asked[0].text_fields, asked[0].field) == (("name", "colour"), "vectors.name")


def test_only_a_bi_encoder_has_vectors(tmp_path):
    done = run(make_student(tmp_path / "cross"))

    assert isinstance(done.exception, ConfigError)
    assert "bi_encoder is needed" in str(done.exception)


def test_an_engine_that_is_not_there_is_told(student):
    done = run(student, "--url", "http://127.0.0.1:1")

    assert isinstance(done.exception, UpstreamError)


def test_help_shows_examples():
    assert "qrm embed models/towers" in run("--help").output
