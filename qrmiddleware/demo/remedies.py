"""What the demo's search team has prepared: a rules file and rows of a rewrite table.

Both are made from the vocabulary, as a team that knows its shop would write them. They leave
the words marked ``unsolved`` alone, so that the demo also shows what is not helped.
"""

from collections.abc import Iterable, Iterator

from qrmiddleware.demo.vocabulary import ProductType, Vocabulary

WORD_SCORE = 0.95
PHRASE_SCORE = 0.85
MISSPELLING_SCORE = 0.9
ACCESSORY_DOWN = 4
UNIT_ATTRIBUTE = "capacity"
PAPER = {"notebook computer": "paper_notebook"}
"""Phrases with a word that another type is called by: that type is filtered out."""


def render_rules(vocabulary: Vocabulary) -> str:
    """Write the rules in the rules.txt format of Querqy."""
    sections = {
        "Words that shoppers use and the catalogue does not": _gap_rules(vocabulary),
        "Accessories stand below the product they belong to": _accessory_rules(vocabulary),
        "The same amount in another unit": _unit_rules(vocabulary),
        "Words that say nothing about a product": _noise_rules(vocabulary),
    }
    return "\n".join(
        line for title, rules in sections.items() for line in (f"# {title}", "", *rules)
    )


def rewrite_rows(vocabulary: Vocabulary) -> list[tuple[str, str, float]]:
    """Make the rewrite table's rows: query, rewrite, score.

    A table holds whole queries, so a word is also there with each attribute value before it.
    """
    rows: list[tuple[str, str, float]] = []
    for kind in vocabulary.types.values():
        for word in _solved_by("table", kind):
            rows.append((word, kind.noun, WORD_SCORE))
            rows += [
                (f"{value} {word}", f"{value} {kind.noun}", PHRASE_SCORE)
                for attribute in kind.attributes.values()
                if not attribute.several
                for value in (form.lower() for form in attribute.forms)
            ]
    for word, typos in vocabulary.misspellings.items():
        rows += [
            (typo, word, MISSPELLING_SCORE) for typo, remedy in typos.items() if remedy == "table"
        ]
    return sorted(set(rows))


def _solved_by(remedy: str, kind: ProductType) -> list[str]:
    return [word for word, known_to in kind.shoppers_say.items() if known_to == remedy]


def _rule(condition: str, *instructions: str) -> Iterator[str]:
    yield f"{condition} =>"
    yield from (f"  {instruction}" for instruction in instructions)
    yield ""


def _gap_rules(vocabulary: Vocabulary) -> Iterator[str]:
    for kind in vocabulary.types.values():
        for word in _solved_by("rules", kind):
            instructions = [f"SYNONYM: {kind.noun}"]
            if word in PAPER:
                instructions.append(f"FILTER: -category_id:{PAPER[word]}")
            yield from _rule(word, *instructions)


def _accessory_rules(vocabulary: Vocabulary) -> Iterator[str]:
    for kind in vocabulary.types.values():
        accessories = [t for t in vocabulary.types.values() if kind.key in t.accessory_of]
        if not accessories:
            continue
        meant = " ".join(f"AND NOT {word}" for word in _words_of_accessories(kind, accessories))
        downs = [f"DOWN({ACCESSORY_DOWN}): category_id:{t.key}" for t in accessories]
        for name in (*_names(kind), *_mended_typos(kind, vocabulary)):
            yield from _rule(f"{name} {meant}", *downs)


def _names(kind: ProductType) -> list[str]:
    """Return the known names of a type, without those that hold a shorter one."""
    names = [kind.noun, *kind.also, *_solved_by("rules", kind), *_solved_by("table", kind)]
    return [n for n in names if not any(f" {other} " in f" {n} " for other in names if other != n)]


def _mended_typos(kind: ProductType, vocabulary: Vocabulary) -> list[str]:
    """Return the typos that the table mends: a rule sees what was typed, not its rewrites."""
    typos = vocabulary.misspellings.get(kind.noun, {})
    return [typo for typo, remedy in typos.items() if remedy == "table"]


def _words_of_accessories(kind: ProductType, accessories: Iterable[ProductType]) -> list[str]:
    own = set(" ".join((kind.noun, *kind.also, *kind.shoppers_say)).split())
    words = {
        word
        for accessory in accessories
        for name in (accessory.noun, *_forms(accessory), *accessory.shoppers_say)
        for word in name.lower().split()
    }
    singular = {word.removesuffix("s") for word in words - own}
    return sorted(singular | {f"{word}s" for word in singular})


def _forms(kind: ProductType) -> tuple[str, ...]:
    form = kind.attributes.get("form")
    return tuple(form.forms) if form else ()


def _unit_rules(vocabulary: Vocabulary) -> Iterator[str]:
    amounts: dict[str, set[str]] = {}
    for kind in vocabulary.types.values():
        attribute = kind.attributes.get(UNIT_ATTRIBUTE)
        for forms in attribute.forms.values() if attribute else ():
            for form in forms:
                amounts.setdefault(form, set()).update(set(forms) - {form})
    for form, others in sorted(amounts.items()):
        if others:
            yield from _rule(form, *(f"SYNONYM: {other}" for other in sorted(others)))


def _noise_rules(vocabulary: Vocabulary) -> Iterator[str]:
    for word in vocabulary.noise:
        yield from _rule(word, "DELETE")
