import json
from contextlib import nullcontext

import typer
from typer.testing import CliRunner

from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.recipes import gathering
from qrmiddleware.recipes.commands import add_gather

app = typer.Typer()
add_gather(app, "anything")
app.command("other")(lambda: None)


def test_its_examples_are_those_of_the_system():
    shown = CliRunner().invoke(app, ["gather", "--help"]).output

    assert "qrm anything gather ./icecat" in shown


def test_gathers_with_what_was_told(shop, tmp_path, monkeypatch):
    every = [f"{kind}{number}" for kind in "kt" for number in range(12)]
    asked = {}

    def searching(url, index, template):
        asked.update(url=url, index=index, body=json.loads(template.fill("kettle", depth=3)))
        return nullcontext(lambda query, depth: every[:depth])

    monkeypatch.setattr(gathering, "searching", searching)
    engine = ("--url", "http://engine", "--index", "shop", "--search-fields", "title^2,brand")
    how = ("--hold-out", "1", "--queries", "10", "--least-products", "2", "--text-fields", "title")

    done = CliRunner().invoke(
        app, ["gather", str(shop), "--to", str(tmp_path / "w"), *engine, *how]
    )

    assert done.exit_code == 0, done.output
    assert asked["url"] == "http://engine"
    assert asked["body"]["query"]["multi_match"]["fields"] == ["title^2", "brand"]
    queries = {pair.query for pair in read_pairs(tmp_path / "w" / gathering.PAIRS)}
    assert "kettle" in queries
    assert "toaster" not in queries
