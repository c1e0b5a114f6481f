import json
import zipfile

import pytest
from yaml_suite import read_cases, read_suite, read_yaml

FILE = """
setup:
  - do: {indices.create: {index: test}}
---
teardown:
  - do: {indices.delete: {index: test}}
---
"Finds it":
  - do: {search: {index: test}}
  - match: {hits.total: 1}
---
"Finds nothing":
  - do: {search: {index: other}}
"""


def test_every_case_of_a_file_comes_with_setup_and_teardown():
    finds, nothing = read_cases(FILE, group="search", file="10_basic")

    assert finds.path == "search/10_basic/Finds it"
    assert finds.setup == nothing.setup == (("do", {"indices.create": {"index": "test"}}),)
    assert finds.teardown == nothing.teardown == (("do", {"indices.delete": {"index": "test"}}),)
    assert finds.steps == (
        ("do", {"search": {"index": "test"}}),
        ("match", {"hits.total": 1}),
    )


def test_a_jar_is_read_whole_and_in_order(tmp_path):
    spec = {"search": {"url": {"paths": []}}}
    with zipfile.ZipFile(tmp_path / "spec.jar", "w") as jar:
        jar.writestr("rest-api-spec/test/search/10_basic.yml", FILE)
        jar.writestr("rest-api-spec/test/README.md", "not a test")
        jar.writestr("rest-api-spec/test/bulk/10_basic.yml", '"Bulk":\n  - do: {bulk: {}}\n')
        jar.writestr("rest-api-spec/api/search.json", json.dumps(spec))
        jar.writestr("rest-api-spec/api/_common.json", '{"params": {"pretty": {}}}')

    suite = read_suite(tmp_path / "spec.jar")

    assert [case.path for case in suite.cases] == [
        "bulk/10_basic/Bulk",
        "search/10_basic/Finds it",
        "search/10_basic/Finds nothing",
    ]
    assert suite.apis == {"search": spec["search"], "_common": {"params": {"pretty": {}}}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("2018-10-31", "2018-10-31"),
        ("12:30:00", "12:30:00"),
        ("010", "010"),
        ("true", True),
        ("~", None),
        ("", None),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1.0.0", "1.0.0"),
        ('"7"', "7"),
        ("0x", "0x"),
    ],
)
def test_scalars_are_what_json_has(text, value):
    assert read_yaml(f"key: {text}") == {"key": value}
    assert type(read_yaml(f"key: {text}")["key"]) is type(value)
