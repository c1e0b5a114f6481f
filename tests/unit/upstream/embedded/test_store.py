import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.upstream.embedded.store import Store, StoredDocument, StoredIndex

INDEX = StoredIndex("shop", "uuid", 5, b"{}", b"{}", 3)


def test_keeps_indices_and_documents(tmp_path):
    store = Store(tmp_path)
    with store.transaction():
        store.save_index(INDEX)
        store.put("shop", StoredDocument(0, "a", 1, b"{}"))
        store.put("shop", StoredDocument(1, "b", 1, b'{"x":1}'))
        store.put("shop", StoredDocument(2, "a", 2, b'{"y":1}'))
    store.close()

    again = Store(tmp_path)

    assert again.indices() == [INDEX]
    assert [d.doc_id for d in again.documents("shop")] == ["b", "a"]
    assert again.get("shop", "a") == StoredDocument(2, "a", 2, b'{"y":1}')
    assert again.get("shop", "none") is None
    assert again.size_bytes("shop") == 14
    again.close()


def test_a_failed_transaction_leaves_nothing():
    store = Store()

    def fail():
        with store.transaction():
            store.save_index(INDEX)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert store.indices() == []
    store.close()


def test_fetches_many_by_number_and_deletes():
    store = Store()
    for seq in range(1200):
        store.put("shop", StoredDocument(seq, str(seq), 1, b"{}"))
    store.delete("shop", "7")

    found = store.fetch("shop", range(1300))

    assert sorted(found) == [seq for seq in range(1200) if seq != 7]
    store.delete_index("shop")
    assert list(store.documents("shop")) == []
    store.close()


def test_a_folder_is_for_one_at_a_time(tmp_path):
    store = Store(tmp_path)

    with pytest.raises(ConfigError, match="in use by another process"):
        Store(tmp_path)

    store.close()
    Store(tmp_path).close()


def test_a_file_that_is_none_of_ours_is_named(tmp_path):
    (tmp_path / "documents.sqlite").write_bytes(b"something else, " * 100)

    with pytest.raises(ConfigError, match="cannot be opened as an embedded index"):
        Store(tmp_path)
