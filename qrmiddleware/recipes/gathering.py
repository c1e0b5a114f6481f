"""What there is to learn from: judged pairs, and many more that nobody has judged."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from qrmiddleware.distill.catalogue import Fields, Record, read_records
from qrmiddleware.distill.label_store import LabelStore
from qrmiddleware.distill.labelling import FailureLimit, label_all
from qrmiddleware.distill.labels import Pair, Teacher
from qrmiddleware.distill.manufacture import Mix, manufacture, refuse_overlap
from qrmiddleware.distill.negatives import Plan, Search, find_accessories, unlabelled_pairs
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.distill.phrases import Floors, Types, find_types
from qrmiddleware.distill.splits import FoldedQuery, Split, hold_out, query_key, refuse_leaks
from qrmiddleware.distill.teachers.catalogue import CatalogueTeacher
from qrmiddleware.distill.teachers.judgments import JudgmentTeacher
from qrmiddleware.distill.teachers.reasoner import Reasoner
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.client import EngineClient, connect
from qrmiddleware.evaluation.formats.registry import load_catalogue, load_judged
from qrmiddleware.evaluation.templates import SearchTemplate
from qrmiddleware.students.texts import text_of

if TYPE_CHECKING:
    from qrmiddleware.evaluation.collection import JudgedQueries

PAIRS: Final = "pairs.jsonl"
JUDGMENT_LABELS: Final = "judgments.labels.jsonl"
CATALOGUE_LABELS: Final = "catalogue.labels.jsonl"
REASON_LABELS: Final = "reasons.labels.jsonl"
STATE: Final = "gathered.json"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the data lies.

    Attributes:
        data: Folder, or file, of judgments and catalogue in a format of ``qrm eval``.
        catalogue: Of the catalogue, if it lies elsewhere.
        fields: Names of the catalogue's fields that queries are made from.
        text_fields: Fields whose values a student reads, in order.
    """

    data: Path
    catalogue: Path | None = None
    fields: Fields = field(default_factory=Fields)
    text_fields: tuple[str, ...] = ("title",)


@dataclass(frozen=True, slots=True)
class Making:
    """What there is to learn from beside judgments.

    Attributes:
        queries: How many are manufactured at most.
        logged: Queries that shoppers typed, the most frequent ones first.
        seed: Of the choice of queries and products.
        mix: How queries are drawn.
        floors: What counts as a kind of product.
        plan: Products of each query.
    """

    queries: int
    logged: tuple[str, ...] = ()
    seed: int = 0
    mix: Mix = field(default_factory=Mix)
    floors: Floors = field(default_factory=Floors)
    plan: Plan = field(default_factory=Plan)


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What was gathered; kept as ``gathered.json`` beside the pairs.

    Attributes:
        seen_folds: Folds whose judgments may be learnt from.
        held_out_folds: Folds that no query of may be seen.
        judged_queries: Queries with judgments that may be learnt from.
        manufactured: Queries made from the catalogue.
        logged: Queries from a log.
        dropped: Queries of both left out, for they equal a held-out one.
        pairs: Of both.
        data: SHA-256 of judgments, catalogue and pairs.
        text_fields: As they were read.
        settings: As they were given.
    """

    seen_folds: tuple[int, ...]
    held_out_folds: tuple[int, ...]
    judged_queries: int
    manufactured: int
    logged: int
    dropped: int
    pairs: int
    data: dict[str, str]
    text_fields: tuple[str, ...]
    settings: dict[str, Any]


class Material:
    """Judgments and catalogue, read once.

    Args:
        source: Where they lie.

    Raises:
        FormatError: If they cannot be read.
        ConfigError: If a document has none of the text fields, or there is no document.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.judged: JudgedQueries = load_judged(source.data)
        documents = [
            {source.fields.doc_id: document.doc_id, **document.source}
            for document in load_catalogue(source.catalogue or source.data)
        ]
        self.records: list[Record] = list(read_records(documents, source.fields))
        self.texts: dict[str, str] = {
            str(document[source.fields.doc_id]): text_of(document, source.text_fields)
            for document in documents
        }
        if not any(self.texts.values()):
            message = (
                f"no document has any of the fields {', '.join(source.text_fields)}; "
                f"there are {', '.join(sorted({key for d in documents[:100] for key in d}))}"
            )
            raise ConfigError(message)

    def split(self, held_out: Iterable[int]) -> Split:
        """Hold out folds; all of them may be, and then nothing judged is learnt from.

        Raises:
            ConfigError: If a query with judgments is in no fold, or there is no such fold.
        """
        folds = tuple(held_out)
        known = [query for query in self.judged.queries if query.query_id in self.judged.qrels]
        if not folds:
            every = tuple(FoldedQuery(q.query_id, q.text, q.fold or 0) for q in known)
            seen = {query.fold for query in known if query.fold is not None}
            return Split(every, (), tuple(sorted(seen)))
        if nowhere := next((query for query in known if query.fold is None), None):
            message = (
                f"query {nowhere.query_id} ({nowhere.text!r}) is in no fold: folds can be held out "
                "only where every judged query has one"
            )
            raise ConfigError(message)
        folded = [FoldedQuery(q.query_id, q.text, q.fold) for q in known if q.fold is not None]
        if {query.fold for query in folded} == set(folds):
            return Split((), tuple(folded), ())
        return hold_out(folded, folds)

    def judgments(self, queries: Iterable[FoldedQuery]) -> dict[tuple[str, str], str]:
        """Return the grades of some queries by query text and ``doc_id``, as text."""
        return {
            (query.query, doc_id): str(relevance)
            for query in queries
            for doc_id, relevance in self.judged.qrels.get(query.query_id, {}).items()
            if self.texts.get(doc_id)
        }

    def targets(self) -> dict[str, float]:
        """Return what a grade is worth as a target: its share of the highest, evenly apart."""
        highest = max(self.judged.gains)
        if highest <= 0:
            message = "the judgments know no grade above 0: there is nothing to learn"
            raise ConfigError(message)
        return {str(grade): grade / highest for grade in self.judged.gains}


def gather(
    material: Material,
    work: Path,
    *,
    held_out: Sequence[int],
    making: Making,
    search: Search,
    tell: Callable[[int, int], object] = lambda _done, _total: None,
) -> Gathered:
    """Write the pairs to learn from, judged ones first.

    Args:
        material: Judgments and catalogue.
        work: Folder of the training.
        held_out: Folds that nothing may be learnt of, not even their queries.
        making: What is made out of the catalogue.
        search: The engine whose hits are to be reranked.
        tell: Called with the manufactured queries searched so far, and their number.

    Raises:
        ConfigError: If a judged query of the training equals a held-out one.
    """
    split = material.split(held_out)
    held_out_queries = [query.query for query in split.held_out]
    refuse_leaks([query.query for query in split.training], held_out_queries)
    made = manufacture(
        material.records,
        count=making.queries,
        seed=making.seed,
        mix=making.mix,
        floors=making.floors,
    )
    kept = refuse_overlap(made, held_out_queries)
    logged = _without(making.logged, held_out_queries)
    judged = material.judgments(split.training)
    work.mkdir(parents=True, exist_ok=True)
    with _written(work / PAIRS) as write:
        pairs = sum(write(Pair(*key, material.texts[key[1]])) for key in judged)
        queries = list(dict.fromkeys((*logged, *(query.query for query in kept.queries))))
        types = find_types(material.records, making.floors)
        pairs += sum(map(write, _unlabelled(material, queries, making, search, tell, types=types)))
    label_by_source(material, work, judged, floors=making.floors, types=types)
    settings = {"making": asdict(making) | {"logged": len(logged)}, "source": material.source.data}
    gathered = Gathered(
        seen_folds=split.seen_folds,
        held_out_folds=tuple(held_out),
        judged_queries=len(split.training),
        manufactured=len(kept.queries),
        logged=len(logged),
        dropped=kept.dropped + len(making.logged) - len(logged),
        pairs=pairs,
        data=_hashes(material, judged, work / PAIRS),
        text_fields=material.source.text_fields,
        settings=msgspec.json.decode(msgspec.json.encode(settings, enc_hook=str)),
    )
    (work / STATE).write_bytes(msgspec.json.format(msgspec.json.encode(gathered), indent=2))
    return gathered


def _without(logged: Iterable[str], held_out: Iterable[str]) -> tuple[str, ...]:
    key = query_key(stems=True)
    taken = {key(query) for query in held_out}
    return tuple(query for query in dict.fromkeys(logged) if key(query) not in taken)


def read_log(path: Path) -> tuple[str, ...]:
    """Read a log of queries, one a line, the most frequent ones first.

    Raises:
        ConfigError: If the file cannot be read, or holds no query.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: a log of queries, one a line, cannot be read: {error}"
        raise ConfigError(message) from error
    counts = Counter(line.strip() for line in lines if line.strip())
    if not counts:
        message = f"{path} holds no query: one a line is wanted"
        raise ConfigError(message)
    return tuple(query for query, _ in counts.most_common())


def label_by_source(
    material: Material,
    work: Path,
    judged: Mapping[tuple[str, str], str],
    *,
    floors: Floors,
    types: Types,
) -> None:
    """Write what judgments, and the catalogue itself with and without reasons, say of the pairs."""
    targets = material.targets()
    people = JudgmentTeacher(judged, targets, source=material.source.data.name)
    teachers: dict[str, Teacher] = {
        JUDGMENT_LABELS: people,
        CATALOGUE_LABELS: CatalogueTeacher(material.records, floors=floors, types=types),
        REASON_LABELS: Reasoner(material.records, floors=floors, types=types),
    }
    any_share = FailureLimit(share=1.0)
    for name, teacher in teachers.items():
        (work / name).unlink(missing_ok=True)
        with LabelStore(work / name) as store:
            label_all(teacher, read_pairs(work / PAIRS), store, limit=any_share)


def _unlabelled(
    material: Material,
    queries: Sequence[str],
    making: Making,
    search: Search,
    tell: Callable[[int, int], object],
    *,
    types: Types,
) -> Iterator[Pair]:
    accessories = find_accessories(material.records, types)
    catalogue = [record.doc_id for record in material.records]
    for number, query in enumerate(queries, start=1):
        for found in unlabelled_pairs(
            [query], search, accessories, catalogue=catalogue, seed=making.seed, plan=making.plan
        ):
            if text := material.texts.get(found.doc_id):
                yield Pair(found.query, found.doc_id, text)
        tell(number, len(queries))


def read_gathered(work: Path) -> Gathered:
    """Read what was gathered.

    Raises:
        ConfigError: If nothing was.
    """
    try:
        return msgspec.json.decode((work / STATE).read_bytes(), type=Gathered)
    except (OSError, msgspec.MsgspecError) as error:
        message = f"{work} holds no gathered pairs ({error}): run `qrm walmart-kd gather` first"
        raise ConfigError(message) from error


def read_texts(work: Path) -> dict[str, str]:
    """Return the texts of the gathered products by ``doc_id``."""
    return {pair.doc_id: pair.text for pair in read_pairs(work / PAIRS)}


@contextmanager
def searching(
    url: str, index: str, template: SearchTemplate, *, api_key: str = ""
) -> Iterator[Search]:
    """Ask an engine, or a proxy in front of one, for hits; one search after the other.

    Raises:
        UpstreamError: From a search, if the engine refuses or does not answer.
    """
    with asyncio.Runner() as runner:
        opened = _connected(url, api_key)
        client = runner.run(opened.__aenter__())
        target = f"/{quote(index, safe=',*')}/_search"

        def search(query: str, depth: int) -> Sequence[str]:
            body = template.fill(query, depth=depth)
            _, told = runner.run(client.call("POST", target, body))
            return [hit["_id"] for hit in told["hits"]["hits"]]

        try:
            yield search
        finally:
            runner.run(opened.__aexit__(None, None, None))


@asynccontextmanager
async def _connected(url: str, api_key: str) -> Any:  # noqa: ANN401 an async iterator
    upstream = connect(url, api_key=api_key)
    await upstream.start()
    try:
        yield EngineClient(upstream)
    finally:
        await upstream.close()


@contextmanager
def _written(path: Path) -> Iterator[Callable[[Pair], int]]:
    """Write pairs to a file that is there only when it is whole; a pair counts as 1."""
    draft = path.with_name(f"{path.name}.draft")
    encoder = msgspec.json.Encoder()
    with draft.open("wb") as file:

        def write(pair: Pair) -> int:
            file.write(encoder.encode(pair) + b"\n")
            return 1

        yield write
    draft.replace(path)


def _hashes(
    material: Material, judged: Mapping[tuple[str, str], str], pairs: Path
) -> dict[str, str]:
    told = sha256()
    for doc_id, text in sorted(material.texts.items()):
        told.update(f"{doc_id}\0{text}\0".encode(errors="surrogatepass"))
    grades = sha256(repr(sorted(judged.items())).encode(errors="surrogatepass"))
    return {
        "catalogue": told.hexdigest(),
        "judgments": grades.hexdigest(),
        PAIRS: sha256(pairs.read_bytes()).hexdigest(),
    }
