import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.label_store import LabelStore, read_labels
from qrmiddleware.distill.labelling import FailureLimit, Tally, label_all
from qrmiddleware.distill.labels import (
    LabellingError,
    Pair,
    StoppedError,
    Unlabelled,
    label_for,
)

PAIRS = [Pair(f"q{number % 3}", f"d{number}", f"text {number}") for number in range(10)]
NO_LIMIT = FailureLimit(share=1.0)


class Scripted:
    """Labels with 0.5, fails for some documents, ends by an error after so many pairs."""

    def __init__(self, *, name="scripted", bad=(), ends_after=10**6, error=None):
        self.name = name
        self.asked = []
        self.bad = bad
        self.left = ends_after
        self.error = error
        self.closed = 0

    def label(self, pairs):
        self.asked.append([pair.doc_id for pair in pairs])
        try:
            for pair in pairs:
                if not self.left:
                    raise self.error
                self.left -= 1
                if pair.doc_id in self.bad:
                    yield Unlabelled(pair, "prose", "well …", 5, 1)
                else:
                    yield label_for(pair, self.name, 0.5)
        finally:
            self.closed += 1


@pytest.fixture
def file(tmp_path):
    return tmp_path / "labels.jsonl"


def run(file, teacher, pairs=PAIRS, **options):
    with LabelStore(file) as store:
        return label_all(teacher, pairs, store, **options)


def test_labels_all_in_batches_and_tells_of_each(file):
    teacher, seen = Scripted(), []

    tally = run(file, teacher, batch=4, watch=lambda now: seen.append(now.labelled))

    assert [len(batch) for batch in teacher.asked] == [4, 4, 2]
    assert seen == [*range(1, 11), 10]
    assert (tally.labelled, tally.known, tally.failed) == (10, 0, 0)
    assert [label.doc_id for label in read_labels(file)] == [pair.doc_id for pair in PAIRS]


def test_a_second_run_asks_nothing(file):
    run(file, Scripted())
    teacher = Scripted()

    tally = run(file, teacher)

    assert teacher.asked == []
    assert tally.known == 10


def test_another_teacher_is_asked_about_all(file):
    run(file, Scripted())

    assert run(file, Scripted(name="other")).labelled == 10


def test_a_pair_that_comes_twice_is_asked_once(file):
    tally = run(file, Scripted(), [*PAIRS, *PAIRS[:3]])

    assert (tally.labelled, tally.repeated) == (10, 3)


def test_failures_are_counted_by_reason_and_asked_again(file):
    first = run(file, Scripted(bad={"d1", "d2"}), limit=NO_LIMIT)
    teacher = Scripted()

    second = run(file, teacher)

    assert dict(first.failures) == {"prose": 2}
    assert (first.prompt_tokens, first.completion_tokens) == (10, 2)
    assert "prose 2 (prose: query 'q1', document d1: well …)" in first.describe_failures()
    assert teacher.asked == [["d1", "d2"]]
    assert (second.labelled, second.known) == (2, 8)


def test_a_pair_without_query_or_text_is_counted_and_never_asked(file):
    teacher = Scripted()

    tally = run(file, teacher, [Pair("q", "d", " "), Pair("", "e", "text"), *PAIRS], limit=NO_LIMIT)

    assert dict(tally.failures) == {"empty": 2}
    assert teacher.asked == [[pair.doc_id for pair in PAIRS]]


def test_too_many_failures_end_the_run_with_examples_and_keep_the_labels(file):
    teacher = Scripted(bad={"d2", "d3", "d4"})

    with pytest.raises(LabellingError) as raised:
        run(file, teacher, limit=FailureLimit(share=0.3, floor=4))

    assert "2 of 4 pairs got no label, more than the limit of 30%" in str(raised.value)
    assert "query 'q2', document d2: well …" in str(raised.value)
    assert [label.doc_id for label in read_labels(file)] == ["d0", "d1"]
    assert teacher.closed == 1


def test_few_failures_among_many_do_not_end_it(file):
    assert run(file, Scripted(bad={"d0"}), limit=FailureLimit(0.2, floor=5)).labelled == 9


def test_a_short_run_of_failures_is_an_error_at_its_end(file):
    with pytest.raises(LabellingError, match="2 of 2 pairs"):
        run(file, Scripted(bad={"d0", "d1"}), PAIRS[:2])


def test_the_few_that_nobody_can_label_do_not_fail_the_next_run(file):
    run(file, Scripted(bad={"d0"}))

    tally = run(file, Scripted(bad={"d0"}))

    assert (tally.known, tally.failed) == (9, 1)


def test_what_is_known_does_not_hide_a_teacher_that_fails_from_now_on(file):
    pairs = [Pair("q", f"d{number}", "text") for number in range(200)]
    run(file, Scripted(), pairs[:100])
    teacher = Scripted(bad={pair.doc_id for pair in pairs[100:]})

    with pytest.raises(LabellingError, match="5 of 5 pairs"):
        run(file, teacher, pairs, limit=FailureLimit(share=0.2, floor=5))


def test_a_limit_of_the_users_ends_it_without_an_error(file):
    teacher = Scripted(ends_after=6, error=StoppedError("the limit of cost is reached"))

    tally = run(file, teacher)

    assert tally.stopped == "the limit of cost is reached"
    assert len(read_labels(file)) == 6


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LabellingError("gone"), OSError("disk")])
def test_whatever_interrupts_it_no_finished_label_is_lost(file, error):
    with pytest.raises(type(error)):
        run(file, Scripted(ends_after=6, error=error))

    assert len(read_labels(file)) == 6
    assert run(file, Scripted()).labelled == 4


@given(st.lists(st.integers(0, 12), max_size=6), st.integers(1, 5))
def test_however_often_it_is_interrupted_every_pair_is_labelled_once(
    tmp_path_factory, stops, batch
):
    file = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    asked = []

    for stop in (*stops, 100):
        teacher = Scripted(ends_after=stop, error=StoppedError("enough"))
        run(file, teacher, batch=batch)
        asked.append(len(file.read_text().splitlines()))

    assert asked[-1] == len(PAIRS)
    assert {label.doc_id for label in read_labels(file)} == {pair.doc_id for pair in PAIRS}


def test_an_interruption_while_a_label_is_kept_costs_none_that_is_finished(file):
    class Finished:
        """Has all labels ready, whatever happens."""

        name = "finished"

        def label(self, pairs):
            labels = [label_for(pair, self.name, 0.5) for pair in pairs]
            try:
                yield from labels
            except KeyboardInterrupt:
                yield from labels
                raise

    def interrupt(tally):
        if tally.labelled == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(file, Finished(), watch=interrupt)

    assert len(read_labels(file)) == 10
    assert file.read_bytes().count(b"\n") == 10


def test_a_teacher_that_answers_with_a_list_is_as_good(file):
    class Listing:
        name = "listing"

        def label(self, pairs):
            return [label_for(pair, self.name, 1.0) for pair in pairs]

    assert run(file, Listing()).labelled == 10


def test_a_killed_process_loses_no_finished_label(file, tmp_path):
    program = tmp_path / "slow.py"
    program.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from qrmiddleware.distill.label_store import LabelStore\n"
        "from qrmiddleware.distill.labelling import label_all\n"
        "from qrmiddleware.distill.labels import Pair, label_for\n"
        "class Slow:\n"
        "    name = 'scripted'\n"
        "    def label(self, pairs):\n"
        "        for pair in pairs:\n"
        "            time.sleep(0.01)\n"
        "            yield label_for(pair, self.name, 0.5)\n"
        "pairs = [Pair('q', f'd{n}', 'text') for n in range(10_000)]\n"
        "with LabelStore(Path(sys.argv[1])) as store:\n"
        "    label_all(Slow(), pairs, store)\n"
    )
    process = subprocess.Popen([sys.executable, program, file])
    deadline = time.monotonic() + 20
    while not file.exists() or file.read_bytes().count(b"\n") < 20:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    labels = read_labels(file)
    assert len(labels) >= 20
    tally = run(file, Scripted(), [Pair("q", f"d{n}", "text") for n in range(len(labels) + 5)])
    assert (tally.known, tally.labelled) == (len(labels), 5)


@pytest.mark.parametrize("order", [("prose", "refusal"), ("refusal", "prose")])
def test_reasons_are_named_in_one_order_whichever_answer_came_first(order):
    tally = Tally()
    tally.failures.update(["empty", "empty", *order])

    assert tally.common_failures() == [("empty", 2), ("prose", 1), ("refusal", 1)]
