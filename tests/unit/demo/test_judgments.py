import dataclasses
import json
import re

from qrmiddleware.demo.judgments import UNFIT, grade, judge_unfit, write_judgments


def query_for(queries, text):
    return next(query for query in queries if query.text == text)


def product_of(products, key, **values):
    return next(
        product
        for product in products
        if product.type == key
        and all(value in product.attributes[name] for name, value in values.items())
    )


def words(text):
    return set(re.findall(r"\w+", text.casefold()))


def test_there_are_enough_searches_of_every_kind(queries):
    kinds = {query.kind for query in queries}

    assert len(queries) >= 120
    assert kinds >= {"head", "torso", "tail", "gap", "misspelling", "identifier", "accessory"}


def test_searches_are_told_apart_by_id_and_text(queries):
    assert len({query.query_id for query in queries}) == len(queries)
    assert len({query.text for query in queries}) == len(queries)


def test_every_search_has_an_exact_answer(queries, qrels):
    assert [q.text for q in queries if 3 not in qrels[q.query_id].values()] == []


def test_judgments_are_grades_of_products_that_exist(products, qrels):
    known = {product.product_id for product in products}
    for grades in qrels.values():
        assert grades.keys() <= known
        assert set(grades.values()) <= {1, 2, 3}


def test_every_gap_hides_an_exact_answer_from_its_words(queries, products, qrels):
    by_id = {product.product_id: words(json.dumps(product.document())) for product in products}
    for query in queries:
        if query.kind == "gap":
            exact = [d for d, relevance in qrels[query.query_id].items() if relevance == 3]
            assert any(not words(query.text) <= by_id[doc_id] for doc_id in exact), query


def test_grades_follow_the_type_and_the_attributes(queries, products, vocabulary):
    query = query_for(queries, "black leather trainers")

    def grade_of(key, **values):
        return grade(query, product_of(products, key, **values), vocabulary.types)

    assert grade_of("trainers", colour="black", material="leather") == 3
    assert grade_of("trainers", colour="black", material="mesh") == 2
    assert grade_of("trainers", colour="red", material="mesh") == 1
    assert grade_of("running_shoes") == 1
    assert grade_of("shoe_care") == 1
    assert grade_of("kettle") == 0


def test_the_product_does_not_answer_a_search_for_its_accessory(queries, products, vocabulary):
    query = query_for(queries, "phone case")

    assert grade(query, product_of(products, "phone_case"), vocabulary.types) == 3
    assert grade(query, product_of(products, "phone"), vocabulary.types) == 0


def test_an_identifier_names_its_product_only(queries, products, vocabulary):
    product = products[42]
    query = dataclasses.replace(queries[0], types=(), identifier=product.ean)

    assert [p for p in products if grade(query, p, vocabulary.types)] == [product]


def test_products_that_do_not_answer_are_named_for_every_search(queries, products, qrels):
    unfit = judge_unfit(queries, products, qrels)

    assert unfit == judge_unfit(queries, products, qrels)
    for query in queries:
        named = unfit[query.query_id]
        assert len(set(named)) == len(named) == UNFIT
        assert not qrels[query.query_id].keys() & set(named)


def test_products_that_do_not_answer_may_have_the_words_of_the_search(queries, products, qrels):
    titles = {product.product_id: product.title for product in products}
    query = query_for(queries, "black leather couch")

    named = judge_unfit([query], products, qrels)[query.query_id]

    assert all(words(titles[doc_id]) & {"black", "leather"} for doc_id in named)


def test_searches_and_judgments_are_written_as_files(tmp_path, queries, products, qrels):
    unfit = judge_unfit(queries, products, qrels)
    write_judgments(tmp_path, queries, qrels, unfit)

    first = json.loads((tmp_path / "queries.jsonl").read_text().splitlines()[0])
    header, *rows = (tmp_path / "judgments.tsv").read_text().splitlines()
    assert first == {
        "id": "Q001",
        "query": queries[0].text,
        "fold": queries[0].fold,
        "kind": "head",
        "remedy": "",
    }
    assert header == "query_id\tproduct_id\tgrade"
    assert len(rows) == sum(map(len, qrels.values())) + sum(map(len, unfit.values()))
    assert f"Q001\t{unfit['Q001'][0]}\t0" in rows
