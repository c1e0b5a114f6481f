"""Pairs of a query and another wording, made of a catalogue where there is no log of such."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.distill.manufacture import Mix, manufacture, refuse_overlap
from qrmiddleware.distill.phrases import Floors, find_types
from qrmiddleware.distill.rewriting.rows import RewritePair, to_line
from qrmiddleware.distill.rewriting.wordings import Lexicon, Usage, types_meant, wordings
from qrmiddleware.distill.splits import query_key
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.gathering import Material

STATE_SUFFIX: Final = ".made.json"


@dataclass(frozen=True, slots=True)
class WordingPlan:
    """What is made.

    Attributes:
        queries: That are manufactured from the catalogue, at most.
        logged: Queries that shoppers typed.
        held_out: Folds that no query, and no rewrite, may equal one of.
        language: Of the catalogue, as Snowball's stemmers are called.
        nearest: Student that tells which kinds of product are near; a bi-encoder's folder. Logged
            queries that none is near to ask for what the shop has not, and are left out.
        usage: What the catalogue must say.
        floors: What counts as a kind of product.
        mix: How queries are drawn.
        seed: Of queries and slips.
    """

    queries: int
    logged: tuple[str, ...] = ()
    held_out: tuple[int, ...] = ()
    language: str = "english"
    nearest: Path | None = None
    usage: Usage = field(default_factory=Usage)
    floors: Floors = field(default_factory=Floors)
    mix: Mix = field(default_factory=Mix)
    seed: int = 0


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; kept beside the pairs.

    Attributes:
        queries: That wordings were looked for of.
        pairs: By source.
        dropped: Queries left out, and pairs, for one of their sides is a held-out query.
        held_out_folds: As told.
        settings: As they were given.
    """

    queries: int
    pairs: dict[str, int]
    dropped: int
    held_out_folds: tuple[int, ...]
    settings: dict[str, object]


def make_wordings(material: Material, file: Path, plan: WordingPlan) -> Made:
    """Write pairs of a query and another wording, each once.

    Judgments are read for one purpose: to leave out what equals a held-out query.

    Args:
        material: Catalogue and judged queries.
        file: Of the pairs, one a line; what is there is written anew.
        plan: What is made.

    Raises:
        ConfigError: If there is no stemmer of the language, or the student is no bi-encoder.
    """
    key = query_key(stems=True)
    folds = set(plan.held_out)
    held_out = [query.text for query in material.judged.queries if query.fold in folds]
    taken = {key(query) for query in held_out}
    made = manufacture(
        material.records, count=plan.queries, seed=plan.seed, mix=plan.mix, floors=plan.floors
    )
    kept = refuse_overlap(made, held_out)
    logged = [query for query in plan.logged if key(query) not in taken]
    queries = list(dict.fromkeys((*logged, *(query.query for query in kept.queries))))
    found = list(dict.fromkeys(_pairs(material, queries, logged, plan)))
    free = [pair for pair in found if not {key(pair.query), key(pair.rewrite)} & taken]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(map(to_line, free)))
    told = Made(
        queries=len(queries),
        pairs=dict(Counter(pair.source for pair in free)),
        dropped=kept.dropped + len(plan.logged) - len(logged) + len(found) - len(free),
        held_out_folds=plan.held_out,
        settings=_settings(plan, material),
    )
    state = file.with_name(file.name + STATE_SUFFIX)
    state.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2))
    return told


def _pairs(
    material: Material, queries: Sequence[str], logged: Collection[str], plan: WordingPlan
) -> Iterator[RewritePair]:
    try:
        lexicon = Lexicon(material.records, language=plan.language)
    except KeyError as error:
        message = f"{error.args[0]}: give a language of Snowball's stemmers, such as german"
        raise ConfigError(message) from error
    if plan.nearest is not None:
        types = sorted(find_types(material.records, plan.floors).counts)
        meant = list(_meant(plan.nearest, queries, types, plan.usage))
        yield from meant
        foreign = set(logged) - {pair.query for pair in meant}
        queries = [query for query in queries if query not in foreign]
    yield from wordings(queries, lexicon, plan.usage, seed=plan.seed)


def _meant(
    student: Path, queries: Iterable[str], types: Iterable[str], usage: Usage
) -> Iterator[RewritePair]:
    from qrmiddleware.students.bi_encoder import BiEncoder  # noqa: PLC0415 loads ctranslate2

    asked, known = list(queries), list(types)
    encoder = BiEncoder.open(student)
    try:
        vectors = encoder.vectors(asked, query=True), encoder.vectors(known)
    finally:
        encoder.close()
    yield from types_meant(asked, known, vectors, usage)


def _settings(plan: WordingPlan, material: Material) -> dict[str, object]:
    told: Mapping[str, object] = asdict(plan) | {"logged": len(plan.logged)}
    settings: dict[str, object] = msgspec.json.decode(
        msgspec.json.encode({**told, "source": material.source.data}, enc_hook=str)
    )
    return settings
