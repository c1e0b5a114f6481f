import pytest


def test_the_url_may_hold_the_search(shop):
    _, reply = shop("GET", "/shop/_search?q=laptop+bag&size=1&_source=brand&track_total_hits=true")
    _, ordered = shop("GET", "/shop/_search?sort=price:desc&_source_excludes=*&from=1&size=2")
    _, every = shop("GET", "/shop/_search?q=laptop+bag&default_operator=AND&df=title")

    assert [hit["_id"] for hit in reply["hits"]["hits"]] == ["2"]
    assert reply["hits"]["hits"][0]["_source"] == {"brand": "globex"}
    assert [hit["_id"] for hit in ordered["hits"]["hits"]] == ["3", "2"]
    assert every["hits"]["total"]["value"] == 1


def test_the_total_may_be_a_number(shop):
    assert shop("GET", "/shop/_search?rest_total_hits_as_int=true")[1]["hits"]["total"] == 5
    body = {"track_total_hits": 2}
    assert shop("POST", "/shop/_search?rest_total_hits_as_int=true", body)[0] == 400


def test_all_indices_are_searched_without_a_name(shop):
    assert shop("POST", "/_search", {})[1]["hits"]["total"]["value"] == 5
    assert shop("POST", "/_all/_count", {})[1]["count"] == 5
    assert shop("POST", "/nope-*/_search", {})[1]["hits"]["total"]["value"] == 0


@pytest.mark.parametrize("parameter", ["scroll=1m", "stored_fields=a", "terminate_after=1"])
def test_other_parameters_are_refused_by_name(shop, parameter):
    status, reply = shop("POST", f"/shop/_search?{parameter}", {})

    assert status == 400
    assert parameter.split("=")[0] in reply["error"]["reason"]


def test_counts_what_a_query_matches(shop):
    assert shop("POST", "/shop/_count", {"query": {"match": {"title": "phone"}}})[1]["count"] == 3
    assert shop("GET", "/shop/_count?q=phone")[1]["count"] == 3
    assert shop("POST", "/shop/_count", {"size": 5})[0] == 400
    assert shop("POST", "/nope/_count", {})[0] == 404


def test_each_search_of_many_fails_by_itself(shop):
    body = (
        b'{"index":"shop"}\n{"query":{"match":{"title":"bag"}}}\n'
        b'{"index":["nope"]}\n{}\n'
        b'{"index":"nope","ignore_unavailable":true}\n{}\n'
        b'{}\n{"query":{"geo_shape":{}}}\n'
        b'\n{"size":0}\n'
    )

    status, reply = shop("POST", "/_msearch", body)

    assert status == 200
    assert [item["status"] for item in reply["responses"]] == [200, 404, 200, 400, 200]
    assert reply["responses"][0]["hits"]["hits"][0]["_id"] == "2"
    assert "geo_shape" in reply["responses"][3]["error"]["reason"]


def test_many_searches_may_share_an_index_and_count_in_numbers(shop):
    body = b'{}\n{"size":0}\n'

    _, reply = shop("POST", "/shop/_msearch?rest_total_hits_as_int=true", body)

    assert reply["responses"][0]["hits"]["total"] == 5


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"{}\n{}", b"{}\n", b"{}\nnonsense\n", b'{"nope":1}\n{}\n']
)
def test_many_searches_that_cannot_be_read_fail_as_a_whole(shop, body):
    assert shop("POST", "/_msearch", body)[0] == 400
