from qrmiddleware.upstream.embedded.problems import ApiError, index_not_found, unsupported


def test_an_error_has_the_shape_of_elasticsearch():
    error = ApiError("some_exception", "it went wrong", status=409, index="shop")

    cause = {"type": "some_exception", "reason": "it went wrong", "index": "shop"}
    assert error.body() == {"error": {"root_cause": [cause], **cause}, "status": 409}


def test_a_refusal_names_the_feature_and_who_has_it():
    error = unsupported("query", "geo_distance")

    assert error.status == 400
    assert error.reason == (
        "the embedded engine does not support query [geo_distance]; "
        "use Elasticsearch or OpenSearch for it"
    )


def test_a_missing_index_is_named_as_elasticsearch_names_it():
    error = index_not_found("shop")

    assert error.status == 404
    assert error.cause()["resource.id"] == "shop"
    assert error.reason == "no such index [shop]"
