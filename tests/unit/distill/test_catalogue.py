import pytest

from qrmiddleware.distill.catalogue import Fields, is_word, key_name, read_records, words_of


def test_a_document_is_read_in_the_fields_that_are_named():
    document = {
        "sku": 7,
        "title": "  Brighton  Desk Lamp ",
        "make": "Brighton",
        "attributes": {
            "t_colour": "Black, Brass",
            "t_care_advice": "Wipe it with a damp cloth once a week",
            "t_product_type": "Lamp",
            "n_height": 30.0,
            "b_dimmable": True,
            "b_battery": False,
        },
    }

    (record,) = read_records([document], Fields(doc_id="sku", brand="make"))

    assert (record.doc_id, record.title, record.brand) == ("7", "Brighton Desk Lamp", "Brighton")
    assert record.attributes == {"colour": ("Black", "Brass"), "product type": ("Lamp",)}
    assert record.flags == ("dimmable",)
    assert record.product_type == "Lamp"


def test_a_documents_own_type_comes_before_an_attribute():
    document = {"id": "1", "title": "x", "product_type": "Torch", "attributes": {"category": "y"}}

    assert next(read_records([document], Fields())).product_type == "Torch"


def test_phrases_are_attributes_with_and_without_their_names():
    document = {"id": "1", "title": ["lamp", "Lampe"], "details": ["colour dark red", "", "led"]}

    (record,) = read_records([document], Fields(attributes="details"))

    assert record.attributes == {"details": ("colour dark red", "led", "dark red")}
    assert record.title == "lamp"


@pytest.mark.parametrize(
    "document", [{}, {"id": "1"}, {"id": "1", "title": None}, {"id": "1", "title": []}]
)
def test_a_document_without_a_title_is_left_out(document):
    assert list(read_records([document], Fields())) == []


def test_nothing_but_a_title_is_enough():
    (record,) = read_records([{"id": "1", "title": "\U0001f4a1 \u96fb\u7403"}], Fields())

    assert words_of(record.title) == ["\U0001f4a1", "\u96fb\u7403"]
    assert (record.brand, record.attributes, record.flags) == ("", {}, ())


def test_line_ends_that_a_feed_wrote_as_two_characters_part_values():
    document = {"id": "1", "title": "a\\nb", "attributes": {"t_fits": "One\\nTwo"}}

    (record,) = read_records([document], Fields())

    assert record.title == "a b"
    assert record.attributes == {"fits": ("One", "Two")}


def test_words_keep_hyphens_and_marks_stand_alone():
    assert words_of("USB-C Kabel, 2.5 m (TN-2110)") == [
        *["usb-c", "kabel", ",", "2.5", "m", "(", "tn-2110", ")"]
    ]
    assert [is_word(word) for word in ("lamp", "usb-c", "tn-2110", "2", ",")] == [
        *[True, True, False, False, False]
    ]


def test_keys_become_words():
    assert key_name("t_wi_fi__standards_") == "wi fi standards"
    assert key_name("Colour") == "colour"
