import pytest

from qrmiddleware.distill.label_index import LabelIndex
from qrmiddleware.distill.label_store import write_labels
from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError


def label(pair, teacher, target=0.5):
    return Label(pair=pair, query="q", doc_id="d", teacher=teacher, target=target)


@pytest.fixture
def files(tmp_path):
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    write_labels(one, [label("a", "x"), label("b", "x"), label("a", "y", 0.1)])
    write_labels(other, [label("c", "x"), label("a", "y", 0.9), label("b", "z")])
    return [one, other]


def test_labels_are_found_by_pair_and_teacher_and_the_last_counts(files):
    with LabelIndex(files) as index:
        assert index.teachers == ("x", "y", "z")
        assert (len(index), [list(each) for each in index]) == (3, [["x", "y"], ["x", "z"], ["x"]])
        assert index.of("a")["y"].target == 0.9
        assert index.of("nowhere") == {}


def test_only_the_teachers_that_are_named_have_a_say(files):
    with LabelIndex(files, ["z", "y"]) as index:
        assert index.teachers == ("y", "z")
        assert [list(each) for each in index] == [["y"], ["z"]]


def test_a_teacher_without_labels_is_an_error(files):
    with pytest.raises(ConfigError, match=r"no label of teacher 'w'; there are labels of none"):
        LabelIndex(files, ["w"])
    with pytest.raises(ConfigError, match=r"no label of teacher 'w'; there are labels of x"):
        LabelIndex(files, ["x", "w"])
