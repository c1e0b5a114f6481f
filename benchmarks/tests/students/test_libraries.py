import pytest

from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.libraries import library, need_libraries


def test_a_library_is_imported_by_its_dotted_name():
    assert library("json.decoder").JSONDecoder().decode("[1]") == [1]


def test_a_missing_library_says_what_to_install():
    with pytest.raises(StudentsError, match=r"no_such is not installed.*\[students\]"):
        library("no_such.module")


def test_all_missing_libraries_are_named_at_once():
    need_libraries(["json"])

    with pytest.raises(StudentsError, match="no_such, neither are not installed"):
        need_libraries(["no_such", "json", "neither"])
