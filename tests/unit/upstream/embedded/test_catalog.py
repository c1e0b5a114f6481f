import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.upstream.embedded.catalog import Catalog
from qrmiddleware.upstream.embedded.problems import ApiError


@pytest.fixture
def catalog():
    catalog = Catalog()
    for name in ("products", "archive-1", "archive-2"):
        catalog.create(name, {})
    yield catalog
    catalog.close()


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("", ["archive-1", "archive-2", "products"]),
        ("_all", ["archive-1", "archive-2", "products"]),
        ("*", ["archive-1", "archive-2", "products"]),
        ("products", ["products"]),
        ("products,archive-*", ["products", "archive-1", "archive-2"]),
        ("*,-archive-*", ["products"]),
        ("archive-*,-archive-1", ["archive-2"]),
        ("nope-*", []),
    ],
)
def test_expressions_stand_for_indices(catalog, expression, names):
    assert [index.name for index in catalog.resolve(expression)] == names


def test_a_name_that_is_not_there_is_an_error_unless_that_is_fine(catalog):
    with pytest.raises(ApiError, match=r"no such index \[nope\]"):
        catalog.resolve("products,nope")

    assert [index.name for index in catalog.resolve("products,nope", lenient=True)] == ["products"]


@pytest.mark.parametrize("name", ["Big", "_x", "-x", "a b", "a/b", "a*", "..", "x" * 256])
def test_names_follow_the_rules_of_elasticsearch(catalog, name):
    with pytest.raises(ApiError) as caught:
        catalog.create(name, {})

    assert caught.value.kind == "invalid_index_name_exception"


def test_an_index_is_made_once_and_of_what_is_supported(catalog):
    with pytest.raises(ApiError, match="already exists"):
        catalog.create("products", {})
    with pytest.raises(ApiError, match="aliases"):
        catalog.create("other", {"aliases": {"x": {}}})
    assert not catalog.has("other")


def test_a_failed_write_is_as_if_it_had_not_been(catalog):
    def fail():
        with catalog.writing() as touched:
            touched.add("products")
            catalog.find("products").put("a", b'{"new": "field"}')
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert catalog.find("products").view().size == 0
    assert catalog.find("products").mapping.fields == {}


def test_everything_is_there_when_a_folder_is_opened_again(tmp_path):
    catalog = Catalog(tmp_path)
    index = catalog.create("docs", {"settings": {"analysis": {}}})
    with catalog.writing() as touched:
        touched.add("docs")
        index.put("a", b'{"t": "some words"}')
    before = index.mapping.to_dict()
    catalog.close()

    again = Catalog(tmp_path)

    assert again.find("docs").mapping.to_dict() == before
    view = again.find("docs").view()
    assert (view.size, list(view.vocabulary(view.field("t")))) == (1, ["some", "words"])
    again.close()


def test_a_second_catalog_on_the_same_folder_is_told_so(tmp_path):
    catalog = Catalog(tmp_path)

    with pytest.raises(ConfigError, match="in use by another process"):
        Catalog(tmp_path)

    catalog.close()
