import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.label_store import (
    LabelStore,
    label_at,
    label_places,
    read_labels,
    write_labels,
)
from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError


def make_label(pair="a", *, teacher="t", target=0.5, **values):
    return Label(pair=pair, query="q", doc_id="d", teacher=teacher, target=target, **values)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "deep" / "labels.jsonl"


def write(file, *labels):
    with LabelStore(file) as store:
        for label in labels:
            store.add(label)
        return store


def test_what_was_added_is_known_and_read_back(file):
    labels = (
        make_label("a", grade="S", probabilities={"E": 0.5, "S": 0.5}, reason="near “it”"),
        make_label("b", logit=-1.25, prompt_tokens=3, completion_tokens=1),
    )

    write(file, *labels)

    with LabelStore(file) as store:
        assert len(store) == 2
        assert store.has("t", "a")
        assert not store.has("t", "c")
    assert read_labels(file) == labels


def test_a_label_is_in_the_file_before_the_store_is_closed(file):
    with LabelStore(file) as store:
        store.add(make_label("a"))

        assert [label.pair for label in read_labels(file)] == ["a"]


def test_teachers_do_not_mix(file):
    write(file, make_label(teacher="t", target=0.1), make_label(teacher="u", target=0.9))

    with LabelStore(file) as store:
        assert not store.has("v", "a")
    assert [label.target for label in read_labels(file, teacher="u")] == [0.9]
    assert len(read_labels(file)) == 2


def test_of_several_labels_of_a_pair_the_last_counts(file):
    write(file, make_label("a", target=0.1), make_label("b"), make_label("a", target=0.9))

    with LabelStore(file) as store:
        assert len(store) == 2
    assert [(label.pair, label.target) for label in read_labels(file)] == [("a", 0.9), ("b", 0.5)]


def test_half_a_line_is_cut_off_and_said(file):
    write(file, make_label("a"), make_label("b"))
    data = file.read_bytes()
    file.write_bytes(data[:-10])

    with LabelStore(file) as store:
        store.add(make_label("c"))
        note = store.note

    assert "only half written" in note
    assert [label.pair for label in read_labels(file)] == ["a", "c"]


def test_a_last_line_that_is_whole_but_for_its_end_is_kept(file):
    write(file, make_label("a"), make_label("b"))
    file.write_bytes(file.read_bytes()[:-1])

    with LabelStore(file) as store:
        store.add(make_label("c"))
        assert store.note == ""

    assert [label.pair for label in read_labels(file)] == ["a", "b", "c"]


def test_half_a_line_that_is_longer_than_a_block_is_cut_off_too(file):
    write(file, make_label("a"))
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"reason":"' + b"x" * 200_000)

    with LabelStore(file):
        pass

    assert file.read_bytes() == whole


def test_a_file_of_nothing_but_half_a_line_becomes_empty(file):
    file.parent.mkdir()
    file.write_bytes(b'{"pair":')

    with LabelStore(file) as store:
        assert len(store) == 0
    assert file.read_bytes() == b""


@given(st.data())
def test_however_short_a_file_is_cut_only_whole_labels_are_left(data):
    with TemporaryDirectory() as folder:
        file = Path(folder) / "labels.jsonl"
        write(file, *(make_label(pair) for pair in "abc"))
        whole = file.read_bytes()
        length = data.draw(st.integers(0, len(whole)))
        file.write_bytes(whole[:length])

        with LabelStore(file) as store:
            store.add(make_label("d"))

        ends = [number + 1 for number, byte in enumerate(whole) if byte == ord("\n")]
        left = "abc"[: sum(length >= end - 1 for end in ends)]
        assert [label.pair for label in read_labels(file)] == [*left, "d"]


def test_a_reader_leaves_out_a_line_that_is_still_being_written(file):
    write(file, make_label("a"), make_label("b"))
    file.write_bytes(file.read_bytes()[:-10])

    assert [label.pair for label in read_labels(file)] == ["a"]


@pytest.mark.parametrize("line", ["prose", "[]", '{"pair": "a"}', '{"target": 7}', "\x00"])
def test_what_is_no_label_is_named_with_its_place(file, line):
    write(file, make_label("a"), make_label("b"))
    good = file.read_text().splitlines()
    file.write_text("\n".join([good[0], line, good[1], ""]))

    with pytest.raises(ConfigError, match=r"labels.jsonl:2: expected a label, .*delete this line"):
        read_labels(file)
    with pytest.raises(ConfigError, match=r"labels.jsonl:2:"), LabelStore(file):
        pass


def test_a_target_out_of_bounds_in_a_file_is_an_error(file):
    write(file, make_label("a"))
    row = json.loads(file.read_text())
    file.write_text(json.dumps(row | {"target": 2}) + "\n")

    with pytest.raises(ConfigError, match="between 0 and 1"):
        read_labels(file)


def test_half_a_character_does_not_break_the_file(file):
    write(file, Label(pair="a", query="\ud83d", doc_id="d", teacher="t", target=0, reason="\udc00"))

    (label,) = read_labels(file)
    assert (label.query, label.reason) == ("?", "?")


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_labels(tmp_path / "none.jsonl")


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be opened"), LabelStore(tmp_path):
        pass


def test_only_an_open_store_takes_labels(file):
    with pytest.raises(ValueError, match="not open"):
        LabelStore(file).add(make_label())


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks there")
def test_two_processes_do_not_write_into_one_file(file):
    code = (
        "import sys; from pathlib import Path\n"
        "from qrmiddleware.distill.label_store import LabelStore\n"
        "with LabelStore(Path(sys.argv[1])): pass\n"
    )

    with LabelStore(file):
        ran = subprocess.run(
            [sys.executable, "-c", code, file], capture_output=True, text=True, check=False
        )

    assert "another process is adding labels" in ran.stderr


def test_labels_are_found_again_by_their_places(file):
    labels = [make_label("a"), make_label("b", reason="“near”"), make_label("c")]
    write(file, *labels)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\n\n", 1))

    places = list(label_places(file))

    with file.open("rb") as opened:
        assert [label_at(opened, place) for place, _ in reversed(places)] == labels[::-1]


def test_a_whole_file_is_written_as_labels_are_read(file):
    labels = (make_label("a", grade="S", unread=2), make_label("b"))

    write_labels(file, labels)

    assert read_labels(file) == labels
    assert b"unread" not in file.read_bytes().splitlines()[1]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_labels_that_are_there_are_not_overwritten(file):
    write_labels(file, [make_label("a")])

    with pytest.raises(ConfigError, match="is there already"):
        write_labels(file, [])
    assert len(read_labels(file)) == 1


def test_a_file_that_cannot_be_finished_is_not_there(file):
    def failing():
        yield make_label("a")
        message = "no more"
        raise ConfigError(message)

    with pytest.raises(ConfigError, match="no more"):
        write_labels(file, failing())
    assert list(file.parent.iterdir()) == []
