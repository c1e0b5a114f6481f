import pytest
import yaml

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.arms import (
    Defaults,
    make_arms,
    parse_arm,
    read_arms,
    refuse_leaks,
)
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery, LeakError

TITLE = Defaults(fields=("title",))


def made(*texts, defaults=TITLE, environment=None):
    return make_arms([parse_arm(text) for text in texts], defaults, environment=environment or {})


def written(tmp_path, text):
    path = tmp_path / "arms.yaml"
    path.write_text(text if isinstance(text, str) else yaml.safe_dump(text), encoding="utf-8")
    return path


def test_a_name_and_a_url_are_enough():
    (arm,) = made("plain=http://localhost:9200/products")

    assert (arm.name, arm.url, arm.target) == (
        "plain",
        "http://localhost:9200/products",
        "/_search",
    )
    assert arm.template.origin == "multi_match best_fields on title"


def test_the_short_form_takes_every_option():
    (arm,) = made(
        "rules=https://localhost:9250/products; pipeline=shop; header=X-Foo: bar=1: 2;"
        "header=X-QRM-Timeout-Ms: 500; fields=title^2, description; type=cross_fields;"
        "operator=and; trained_on=0, 1; api_key_env=KEY; ca_certs=ca.pem; verify_certs=false;"
        "version=r2;",
        environment={"KEY": "abc"},
    )

    assert arm.target == "/_search?qrm_pipeline=shop"
    assert arm.pipeline == "shop"
    assert arm.headers == (("x-foo", "bar=1: 2"), ("x-qrm-timeout-ms", "500"))
    assert arm.template.origin == "multi_match cross_fields and on title^2, description"
    assert arm.seen_folds == (0, 1)
    assert arm.authorization == "ApiKey abc"
    assert (arm.tls.ca_certs, arm.tls.verify_certs) == ("ca.pem", False)
    assert arm.version == "r2"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:9200/products/_search?preference=x%20y&search_pipeline=p",
        "http://localhost:9200/products/?preference=x%20y&search_pipeline=p",
    ],
)
def test_the_urls_own_parameters_go_along(url):
    (arm,) = made(f"plain={url}")

    assert arm.url == "http://localhost:9200/products"
    assert arm.target == "/_search?preference=x%20y&search_pipeline=p"


def test_a_pipeline_in_the_url_is_known_and_gives_way_to_the_option():
    url = "http://localhost:9250/products?qrm_pipeline=one"

    first, second = made(f"a={url}", f"b={url};pipeline=_none")

    assert (first.pipeline, second.pipeline) == ("one", "_none")
    assert second.target == "/_search?qrm_pipeline=_none"


def test_what_people_read_holds_no_secrets():
    (arm,) = made(
        "a=http://me:hidden@localhost:9200/products;header=Authorization: Bearer hidden;"
        "header=X-QRM-Timeout-Ms: 500"
    )

    assert arm.asked == (
        "http://localhost:9200/products/_search; authorization; x-qrm-timeout-ms: 500; "
        "multi_match best_fields on title"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("http://localhost:9200/products", "begin with its name"),
        ("http://localhost:9200/products?a=b", "begin with its name"),
        ("plain=localhost:9200/products", "--arm plain: url: not a URL such as"),
        ("plain=http://h/i;pipelin=shop", "--arm plain: pipelin: unknown key; known are: api_key"),
        ("plain=http://h/i;pipeline", "--arm plain: 'pipeline' is no key=value"),
        ("plain=http://h/i;body=a;body=b", "--arm plain: body is there twice"),
        ("plain=http://h/i;header=X-Foo", "--arm plain: header: 'X-Foo' is no 'Name: value'"),
        ("plain=http://h/i;trained_on=0,x", "--arm plain: trained_on.1: Input should be a valid"),
        ("=http://h/i", "--arm : name: String should have at least 1 character"),
        ("plain=http://h/i;type=best", "arm plain: type: 'best' is none of"),
        ("plain=http://h/i;api_key_env=KEY", "api_key_env: there is no environment variable KEY"),
        ("plain=http://h/i;fields=a;body=b.json", "arm plain: both a body and fields"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(text, problem):
    with pytest.raises(ConfigError) as caught:
        made(text)

    assert problem in str(caught.value)


def test_an_arm_without_anything_to_ask_is_refused():
    with pytest.raises(ConfigError, match="arm plain: nothing to ask: give --fields"):
        made("plain=http://h/i", defaults=Defaults())


def test_there_is_at_least_one_arm_and_no_name_twice():
    with pytest.raises(ConfigError, match="there is no arm"):
        made()
    with pytest.raises(ConfigError, match="two arms are called a"):
        made("a=http://h/i", "b=http://h/i", "a=http://h/j")


def test_the_long_form_says_the_same_with_files_beside_it(tmp_path):
    (tmp_path / "body.json").write_text('{"query": {"match": {"title": "{{query}}"}}}')
    path = written(
        tmp_path,
        {
            "arms": [
                {"name": "plain", "url": "http://h:9250/products", "pipeline": "_none"},
                {
                    "name": "rules",
                    "url": "http://h:9250/products",
                    "headers": {"X-Foo": "a; b"},
                    "body": "body.json",
                    "trained_on": [0, 1],
                    "ca_certs": "ca.pem",
                },
            ]
        },
    )

    plain, rules = make_arms(read_arms(path), TITLE)

    assert plain.pipeline == "_none"
    assert rules.headers == (("x-foo", "a; b"),)
    assert rules.template.origin == str(tmp_path / "body.json")
    assert rules.seen_folds == (0, 1)
    assert rules.tls.ca_certs == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("arms: [{name: a, url: 'http://h/i'}, {name: b}]", "arms.1.url: Field required"),
        ("arms: [{name: a, url: 'http://h/i', x: 1}]", "arms.0.x: unknown key; known are"),
        ("arms: [a]", "arms.0: Input should be a valid dictionary"),
        ("arms: []", "expected one key, arms"),
        ("- a", "expected one key, arms"),
        ("arms: [{name: a, url: 'http://h/i'}]\nmore: 1", "expected one key, arms"),
        ("a: [", "not YAML"),
    ],
)
def test_what_is_wrong_in_the_long_form_is_named_by_file_and_key(tmp_path, text, problem):
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        read_arms(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml: No such file"):
        read_arms(tmp_path / "absent.yaml")


def test_an_arm_is_not_measured_on_what_it_was_trained_on():
    judged = JudgedQueries((JudgedQuery("q1", "red shoe", fold=1),), {"q1": {"a": 1}})
    arms = made("plain=http://h/i", "model=http://h/i;trained_on=0,1")

    refuse_leaks(arms[:1], judged)
    with pytest.raises(LeakError, match="arm model was trained on folds 0, 1"):
        refuse_leaks(arms, judged)
