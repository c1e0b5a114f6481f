"""Probes."""

import pytest

from qrmiddleware.distill.exporting.probes import LEAST, default_probes, read_probes, texts_of
from qrmiddleware.errors import ConfigError


def test_the_usual_probes_are_enough_and_differ():
    probes = default_probes()

    assert len(set(probes)) == len(probes) >= LEAST
    assert len(texts_of(probes)) >= LEAST


def test_probes_are_read_with_and_without_texts(tmp_path):
    file = tmp_path / "probes.tsv"
    lines = ["red shoes\tRed shoe", "", "hat", *(f"query {n}" for n in range(LEAST))]
    file.write_text("\n".join(lines))

    probes = read_probes(file)

    assert len(probes) == LEAST + 2
    assert probes[:2] == (("red shoes", "Red shoe"), ("hat", "Red shoe"))


def test_queries_alone_are_paired_with_each_other(tmp_path):
    file = tmp_path / "queries.txt"
    file.write_text("\n".join(f"query {n}" for n in range(LEAST)))

    probes = read_probes(file)

    assert probes[0] == ("query 0", "query 1")
    assert probes[-1] == (f"query {LEAST - 1}", "query 0")


def test_too_few_probes_are_refused(tmp_path):
    (tmp_path / "few.txt").write_text("one\ntwo\n")

    with pytest.raises(ConfigError, match="holds 2 probes: at least 50"):
        read_probes(tmp_path / "few.txt")


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="cannot be read as probes"):
        read_probes(tmp_path / "bad.txt")
    with pytest.raises(ConfigError, match="cannot be read as probes"):
        read_probes(tmp_path / "none.txt")
