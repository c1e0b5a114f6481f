import pytest

from qrmiddleware.students.texts import text_of, value_at


def test_a_text_is_the_fields_values_in_order():
    source = {"brand": "Nova", "title": "Phone 5", "price": 99}

    assert text_of(source, ["title", "brand"]) == "Phone 5 Nova"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  red shoe\n", "red shoe"),
        (42, "42"),
        (1.5, "1.5"),
        (["red", "shoe", 7], "red shoe 7"),
        ([["red"], ("shoe",)], "red shoe"),
        (["", "  "], ""),
        (True, ""),
        (None, ""),
        ({"lang": "en"}, ""),
        ([{"name": "red"}, "shoe"], "shoe"),
        ("赤い靴 👟", "赤い靴 👟"),
    ],
)
def test_strings_and_numbers_are_read_and_all_else_is_not(value, text):
    assert text_of({"title": value}, ["title"]) == text


def test_a_document_without_the_fields_has_no_text():
    assert text_of({"name": "x"}, ["title", "brand.name"]) == ""
    assert text_of({}, ["title"]) == ""


@pytest.mark.parametrize(
    "source",
    [
        {"brand.name": "Nova"},
        {"brand": {"name": "Nova"}},
        {"brand": "x", "brand.name": "Nova"},
    ],
)
def test_a_dotted_path_is_found_flat_and_nested(source):
    assert text_of(source, ["brand.name"]) == "Nova"


def test_a_path_through_a_list_of_objects_reads_all_of_them():
    source = {"facts": [{"name": "red"}, "x", {"name": ["new", 5]}, {"value": 1}]}

    assert text_of(source, ["facts.name"]) == "red new 5"
    assert value_at(source, "facts.name") is None


def test_a_path_that_leads_through_a_value_leads_nowhere():
    assert value_at({"brand": "Nova"}, "brand.name") is None
    assert value_at({"brand": ["Nova"]}, "brand.0") is None
