import pytest

from qrmiddleware.distill.rewriting.rows import Candidate
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.rewrite_tables.proposers import FileProposer, GeneratorProposer
from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.testing.generators import make_generator


def test_a_generator_proposes_what_it_writes(tmp_path):
    folder = make_generator(tmp_path / "generator")
    options = DecodingOptions(n=3, beams=4, max_new_tokens=6)
    generator = Generator.open(folder)
    written = [generator.generate(query, options) for query in ("ab", "cd", "")]
    generator.close()

    proposer = GeneratorProposer.open(folder, options, threads=2)
    proposed = proposer.propose(["ab", "cd", ""])
    proposer.close()

    assert [[each.text for each in one] for one in proposed] == [
        [each.text for each in one] for one in written
    ]
    assert any(proposed)
    assert all(each.log_probability < 0 for one in proposed for each in one)


def test_the_name_of_a_generator_tells_what_its_proposals_depend_on(tmp_path):
    names = []
    for seed, n in ((0, 3), (0, 3), (0, 2), (1, 3)):
        folder = make_generator(tmp_path / f"generator{len(names)}", seed=seed)
        proposer = GeneratorProposer.open(folder, DecodingOptions(n=n))
        names.append(proposer.by)
        proposer.close()

    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_a_file_proposes_what_stands_in_it(tmp_path):
    file = tmp_path / "candidates.jsonl"
    file.write_text(
        '{"query": "Hoze", "candidates": [{"text": "pipe"}]}\n'
        '{"query": "hoze", "candidates": [{"text": "hose", "log_probability": -1.0}]}\n'
    )

    proposer = FileProposer(file)

    assert proposer.propose(["HOZE", "hat"]) == [
        (Candidate(text="hose", log_probability=-1.0),),
        (),
    ]
    assert proposer.by.startswith("file:candidates.jsonl:")
    name = proposer.by
    file.write_text('{"query": "hoze", "candidates": []}\n')
    assert FileProposer(file).by != name
    proposer.close()


def test_what_proposes_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        GeneratorProposer.open(tmp_path, DecodingOptions())
    with pytest.raises(ConfigError, match="cannot be read"):
        FileProposer(tmp_path / "none")
