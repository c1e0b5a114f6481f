def test_an_index_is_made_shown_and_deleted(ask):
    mappings = {"properties": {"t": {"type": "text"}}}

    made = ask("PUT", "/shop", {"settings": {"number_of_shards": 1}, "mappings": mappings})
    assert made == (
        200,
        {"acknowledged": True, "shards_acknowledged": True, "index": "shop"},
    )
    shown = ask("GET", "/shop")[1]["shop"]
    assert shown["mappings"] == mappings
    assert shown["settings"]["index"]["number_of_shards"] == "1"
    assert ask("DELETE", "/shop") == (200, {"acknowledged": True})
    assert ask("GET", "/shop")[0] == 404


def test_mappings_grow_and_are_shown(ask):
    ask("PUT", "/shop")

    assert ask("PUT", "/shop/_mapping", {"properties": {"a": {"type": "long"}}})[0] == 200
    assert ask("GET", "/shop/_mapping")[1] == {
        "shop": {"mappings": {"properties": {"a": {"type": "long"}}}}
    }
    assert ask("PUT", "/shop/_mapping", {"properties": {"a": {"type": "text"}}})[0] == 400


def test_settings_are_shown_as_text(ask):
    analysis = {"analyzer": {"mine": {"type": "custom", "tokenizer": "standard"}}}
    ask("PUT", "/shop", {"settings": {"analysis": analysis, "number_of_replicas": 0}})

    settings = ask("GET", "/shop/_settings")[1]["shop"]["settings"]["index"]

    assert settings["analysis"] == analysis
    assert settings["number_of_replicas"] == "0"


def test_all_indices_cannot_be_deleted_at_once(ask):
    ask("PUT", "/shop")

    assert ask("DELETE", "/*")[0] == 400
    assert ask("DELETE", "/_all")[0] == 400
    assert ask("DELETE", "/nope")[0] == 404
    assert ask("DELETE", "/nope?ignore_unavailable=true")[0] == 200


def test_cat_indices_is_a_table_or_json(shop):
    _, table = shop("GET", "/_cat/indices?v&h=index,docs.count")
    _, rows = shop("GET", "/_cat/indices/shop?format=json")

    assert table == "index docs.count\nshop  5\n"
    assert rows[0]["health"] == "green"
    assert rows[0]["docs.count"] == "5"
    assert shop("GET", "/_cat/indices?h=nope")[0] == 400


def test_the_cluster_is_green(shop):
    status, reply = shop("GET", "/_cluster/health?wait_for_status=yellow")

    assert (status, reply["status"], reply["active_shards"]) == (200, "green", 1)


def test_refresh_is_taken(shop):
    assert shop("POST", "/shop/_refresh")[1]["_shards"]["successful"] == 1
    assert shop("POST", "/nope/_refresh")[0] == 404


def test_analyze_shows_the_terms_of_a_field_or_an_analyzer(shop):
    _, by_field = shop("POST", "/shop/_analyze", {"field": "description", "text": "The Cases"})
    _, by_name = shop("POST", "/shop/_analyze", {"analyzer": "standard", "text": ["The Cases"]})

    assert [token["token"] for token in by_field["tokens"]] == ["case"]
    assert by_field["tokens"][0]["start_offset"] == 4
    assert [token["token"] for token in by_name["tokens"]] == ["the", "cases"]
    assert shop("POST", "/shop/_analyze", {"analyzer": "nope", "text": "x"})[0] == 400
