import re
from pathlib import Path

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(text):
    """Return the anchors that GitHub gives a page's headings."""
    seen = {}
    for heading in _HEADING.findall(_FENCED.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        yield f"{slug}-{count}" if count else slug


def test_links_lead_somewhere(page):
    broken = []

    for target in (a or b for a, b in _LINK.findall(_FENCED.sub("", page.text))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        if not path.exists() or (
            anchor and anchor not in anchors(Path(path).read_text(encoding="utf-8"))
        ):
            broken.append(target)

    assert broken == []


def test_anchors_are_those_that_github_gives():
    text = "# `qrm_reward(query, hits)`\n## Two words, a comma\n## Two words, a comma\n"

    assert list(anchors(text)) == [
        "qrm_rewardquery-hits",
        "two-words-a-comma",
        "two-words-a-comma-1",
    ]
