import pytest

from qrmiddleware.upstream.embedded.catalog import Catalog
from qrmiddleware.upstream.embedded.index import check_settings
from qrmiddleware.upstream.embedded.problems import ApiError


@pytest.fixture
def catalog():
    catalog = Catalog()
    yield catalog
    catalog.close()


def write(catalog, *documents, name="docs"):
    index = catalog.find(name) if catalog.has(name) else catalog.create(name, {})
    with catalog.writing() as touched:
        touched.add(name)
        return [index.put(doc_id, source) for doc_id, source in documents]


def found(catalog, path, term):
    view = catalog.find("docs").view()
    from_terms = view.terms_with_prefix(view.field(path), term, 10)
    return from_terms, view.size


def test_versions_and_sequence_numbers_grow(catalog):
    first, second = write(catalog, ("a", b'{"t":"x"}'), ("a", b'{"t":"y"}'))

    assert (first.result, first.version, first.seq) == ("created", 1, 0)
    assert (second.result, second.version, second.seq) == ("updated", 2, 1)
    assert found(catalog, "t", "") == (["y"], 1)


def test_a_deleted_document_is_gone(catalog):
    write(catalog, ("a", b'{"t":"x"}'), ("b", b'{"t":"y"}'))
    index = catalog.find("docs")

    with catalog.writing() as touched:
        touched.add("docs")
        assert index.delete("a").result == "deleted"
        assert index.delete("none").result == "not_found"

    assert index.view().size == 1
    assert index.get("a") is None


def test_a_document_written_and_deleted_at_once_is_gone(catalog):
    write(catalog, ("a", b'{"t":"x"}'))
    index = catalog.find("docs")

    with catalog.writing() as touched:
        touched.add("docs")
        index.put("b", b'{"t":"y"}')
        index.delete("b")
        index.put("a", b'{"t":"z"}')

    assert found(catalog, "t", "") == (["z"], 1)


def test_create_refuses_an_id_that_is_there(catalog):
    write(catalog, ("a", b"{}"))

    with pytest.raises(ApiError, match="document already exists") as caught:
        catalog.find("docs").put("a", b"{}", create=True)

    assert caught.value.status == 409


@pytest.mark.parametrize("source", [b"", b"[]", b"{", b'{"a":"\xff"}', b"5"])
def test_what_is_no_json_object_is_refused(catalog, source):
    with pytest.raises(ApiError, match="failed to parse"):
        write(catalog, ("a", source))


@pytest.mark.parametrize("doc_id", ["", "x" * 513])
def test_an_id_has_a_length(catalog, doc_id):
    with pytest.raises(ApiError, match="bytes long"):
        write(catalog, (doc_id, b"{}"))


def test_many_new_fields_are_found_beside_the_old_documents(catalog):
    for number in range(40):
        write(catalog, (f"d{number}", f'{{"f{number}":"word"}}'.encode()))

    view = catalog.find("docs").view()

    assert view.size == 40
    for number in range(40):
        assert view.vocabulary(view.field(f"f{number}")) == {"word": 1}


def test_a_new_multi_field_finds_what_was_there_before(catalog):
    write(catalog, ("a", b'{"t":"Old Words"}'))
    index = catalog.find("docs")
    raw = {"type": "text", "fields": {"raw": {"type": "keyword"}}}

    with catalog.writing() as touched:
        touched.add("docs")
        index.update_mapping({"properties": {"t": raw}})

    assert found(catalog, "t.raw", "")[0] == ["Old Words"]


def test_a_mapping_that_the_documents_do_not_fit_changes_nothing(catalog):
    catalog.create("docs", {"mappings": {"dynamic": False}})
    write(catalog, ("a", b'{"n":"many"}'))

    def update():
        with catalog.writing() as touched:
            touched.add("docs")
            catalog.find("docs").update_mapping({"properties": {"n": {"type": "long"}}})

    with pytest.raises(ApiError):
        update()

    assert catalog.find("docs").mapping.fields == {}
    assert catalog.find("docs").view().size == 1


def test_settings_may_be_nested_or_dotted():
    expected = {"number_of_shards": 1, "analysis": {"analyzer": {}}}

    for settings in (
        {"index": {"number_of_shards": 1, "analysis": {"analyzer": {}}}},
        {"index.number_of_shards": 1, "analysis": {"analyzer": {}}},
        {"number_of_shards": 1, "index.analysis.analyzer": {}},
    ):
        assert check_settings(settings) == expected


def test_unknown_settings_are_refused_by_name():
    with pytest.raises(ApiError, match="similarity"):
        check_settings({"similarity": {"default": {"type": "DFR"}}})
