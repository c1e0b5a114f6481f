import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from qrmiddleware import ConfigError
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.students.sharing import Shelf, borrow_generator, borrow_student
from qrmiddleware.testing.generators import make_generator
from qrmiddleware.testing.students import make_student

QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)


class Thing:
    """Notes that it was closed."""

    closed = 0

    def close(self):
        self.closed += 1


def test_a_thing_is_opened_once_and_closed_by_the_last_who_has_it():
    shelf = Shelf()
    first, second = (shelf.borrow("a", Thing) for _ in range(2))

    assert first.thing is second.thing
    first.close()
    assert not first.thing.closed
    second.close()
    assert first.thing.closed == 1


def test_giving_back_twice_is_giving_back_once():
    shelf = Shelf()
    first, second = (shelf.borrow("a", Thing) for _ in range(2))

    first.close()
    first.close()

    assert not second.thing.closed


def test_other_keys_are_other_things():
    shelf = Shelf()

    assert shelf.borrow("a", Thing).thing is not shelf.borrow("b", Thing).thing


def test_what_was_closed_is_opened_anew():
    shelf = Shelf()
    old = shelf.borrow("a", Thing)
    old.close()

    new = shelf.borrow("a", Thing)

    assert new.thing is not old.thing
    assert not new.thing.closed


def test_what_cannot_be_opened_is_tried_again():
    shelf = Shelf()
    with pytest.raises(ZeroDivisionError):
        shelf.borrow("a", lambda: 1 / 0)

    assert shelf.borrow("a", Thing).thing


def test_many_threads_open_a_thing_once_and_close_it_once():
    shelf, made, gate = Shelf(), [], threading.Barrier(8)

    def use(_):
        gate.wait(5)
        loan = shelf.borrow("a", lambda: made.append(Thing()) or made[-1])
        gate.wait(5)
        loan.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))

    assert len(made) == 1
    assert made[0].closed == 1


@pytest.mark.parametrize("kind", ["cross_encoder", "bi_encoder"])
def test_equal_students_with_equal_settings_are_one(tmp_path, kind):
    here, copy = (make_student(tmp_path / name, kind) for name in ("here", "copy"))
    wider = QUICK.model_copy(update={"inter_threads": 2})

    loans = [borrow_student(*of) for of in ((here, QUICK), (copy, QUICK), (here, wider))]

    assert loans[0].thing is loans[1].thing
    assert loans[0].thing is not loans[2].thing
    for loan in loans:
        loan.close()


def test_every_user_has_the_folder_checked(tmp_path):
    folder = make_student(tmp_path / "student")
    loan = borrow_student(folder, QUICK)
    (folder / "tokenizer.json").write_text("{}")

    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        borrow_student(folder, QUICK)
    loan.close()


def test_a_student_of_another_kind_is_refused_before_it_is_opened(tmp_path):
    folder = make_student(tmp_path / "student", "bi_encoder")

    with pytest.raises(ConfigError, match="a cross_encoder is needed"):
        borrow_student(folder, QUICK, expect=("cross_encoder",))


def test_generators_are_shared_by_content_settings_and_terms(tmp_path):
    folder = make_generator(tmp_path / "writer", terms=("boot",))
    terms = tmp_path / "terms.txt"
    terms.write_text("shoe\n", encoding="utf-8")

    with ExitStack() as stack:
        first, second, other = (
            stack.enter_context(closing(borrow_generator(folder, QUICK, terms=each)))
            for each in (None, None, terms)
        )

        assert first.thing is second.thing
        assert other.thing is not first.thing
