"""What a language model says that was asked for a rewrite, and is none."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final, Literal

_TALK: Final = (
    # Instructions to whoever reads on: injected through a query, a page, or a training text.
    (
        r"\b(?:ignore|disregard|forget|override)\b(?:\W+\w+){0,3}?"
        r"\W+(?:quer(?:y|ies)|instructions?|prompts?|rules|above|previous|search|context)\b"
    ),
    r"\b(?:system|developer)\s+(?:prompt|message|instructions?)\b",
    r"\byou\s+are\s+(?:now\s+)?an?\s+(?:[\w-]+\s+){0,3}(?:assistant|model|ai|expert|bot|system)\b",
    r"\b(?:act|behave)\s+as\s+(?:an?|the)\b|\bpretend\s+(?:to|you)\b",
    r"\b(?:jailbreak|prompt\s+injection)\b",
    # A preamble, an excuse, a comment.
    r"^\W*(?:sure|certainly|of\s+course|okay|ok|great)\s*[!,:.-]+\s",
    r"^\W*here(?:'s|\s+is|\s+are)\b",
    r"\bi(?:'m|\s+am)\s+(?:sorry|unable|afraid|not\s+able|an?\s+ai)\b",
    r"\bi\s+(?:can(?:no|')t|do(?:n't|\s+not))\s+(?:help|rewrite|provide|understand|see|know)\b",
    r"\bi(?:'ll|\s+will|\s+would|\s+can|\s+have)\s+(?:rewrit|rephras|help|suggest|search|provid)",
    r"\bas\s+an?\s+(?:ai|language\s+model|assistant)\b|\blanguage\s+model\b",
    (
        r"^\W*(?:the\s+)?(?:(?:re)?(?:written|phrased|formulated|write)|search|user|original|new)?"
        r"\s*(?:quer(?:y|ies)|rewrite|answer|output|response|rewriting|suggestion)s?\s*[:=\d]"
    ),
    r"\b(?:rewritten|rephrased|reformulated)\s+(?:as|query|version)\b",
    r"\b(?:the|this|your)\s+(?:original\s+|search\s+|user(?:'s)?\s+)?query\b",
    r"\bthe\s+user(?:'s)?\s+(?:is|wants|intent|intends|means|meant|search)\b",
    r"^\W*(?:assistant|user|system|human|bot)\s*:",
    r"\bn/a\b|^\W*(?:none|null|nan|unknown|undefined|no\s+(?:rewrite|change)s?(?:\s+needed)?)\W*$",
)
_MARKUP: Final = (
    r"</?[a-z!][^<>]*>?|<\|",  # tags, and what separates turns of a chat
    r"\[/?(?:inst|sys|end|start|pad|sep|cls|mask|unk)\]",
    r"\bhttps?:|\bwww\.|\b[\w.+-]+@[\w-]+\.\w|\bjavascript:",
    r"\b[\w-]+\.(?:com|net|org|io|info|biz|shop|ru|cn|de|fr|uk)\b",
    r"`|\*\*|~~|\]\(|^\s*(?:#|[-*•]\s|\d{1,2}[.)]\s)",
    r"\\|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);|%[0-9a-f]{2}%",  # escapes
    r"[{}|\[\]]|\$\(",
    r"^\s*[\"'\u201c-\u201e\u2018«»].*[\"'\u201c\u201d«»]\s*$",  # quoted as a whole
    r"(?:->|=>|→)",
)
_KINDS: Final[Mapping[str, tuple[re.Pattern[str], ...]]] = {
    kind: tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)
    for kind, patterns in (("talk", _TALK), ("markup", _MARKUP))
}


def speaks(kind: Literal["talk", "markup"], query: str, rewrite: str) -> bool:
    """Tell whether a rewrite talks, or holds markup, where its query does not in the same way."""
    typed, told = map(_plain, (query, rewrite))
    return any(pattern.search(told) and not pattern.search(typed) for pattern in _KINDS[kind])


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("\u2019", "'")
