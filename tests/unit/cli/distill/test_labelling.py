from pathlib import Path

import pytest
import typer

from qrmiddleware.cli.distill.labelling import labels_file, run_teacher
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.labels import Unlabelled, label_for


class Known:
    name = "known"

    def label(self, pairs):
        for pair in pairs:
            if pair.doc_id == "d1":
                yield Unlabelled(pair, "prose", "[red]well[/]")
            else:
                yield label_for(pair, self.name, 1.0)


@pytest.mark.parametrize(
    ("pairs", "labels"),
    [("a/pairs.jsonl", "a/pairs.labels.jsonl"), ("pairs.jsonl.gz", "pairs.labels.jsonl")],
)
def test_labels_lie_beside_their_pairs(pairs, labels):
    assert labels_file(Path(pairs), None) == Path(labels)
    assert labels_file(Path(pairs), Path("x")) == Path("x")


def test_says_what_came_of_it(pairs, tmp_path, capsys):
    pairs.write_text(pairs.read_text() * 2)
    (tmp_path / "l.jsonl").write_text('{"half')

    run_teacher(Known(), pairs, tmp_path / "l.jsonl", 0.5, lambda tally: f"paid {tally.labelled}")

    said = " ".join(capsys.readouterr().err.split())
    assert "the last line was only half written" in said
    assert "11 pairs labelled now, 0 were known, paid 11. Teacher: known" in said
    assert "12 pairs were given more than once" in said
    assert "query 'shoe1', document d1: [red]well[/]" in said
    assert len(read_labels(tmp_path / "l.jsonl")) == 11


def test_an_interruption_is_code_130(pairs, tmp_path, capsys):
    class Interrupted(Known):
        def label(self, pairs):
            yield label_for(pairs[0], self.name, 1.0)
            raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as raised:
        run_teacher(Interrupted(), pairs, tmp_path / "l.jsonl", 0.5)

    assert raised.value.exit_code == 130
    assert "1 pairs labelled now" in capsys.readouterr().err
