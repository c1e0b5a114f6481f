"""Keeps rankings by what determines them, so that a repeat asks nothing twice.

A ranking's key is a hash of everything that this side sends and of the index's state: URL,
parameters, headers, credentials, body, mapping, settings, and the count of all operations of each
shard. It does **not** see what else may change an answer: synonyms that are reloaded, search
pipelines of OpenSearch, rules and models behind a qrm proxy. Of arms that such a proxy's pipeline
serves, nothing is kept unless the user names a version.
"""

import gzip
import hashlib
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.evaluation.rankings import Ranking

_FORMAT: Final = 1
_DECODER: Final = msgspec.json.Decoder(Ranking)


def default_folder() -> Path:
    """Return where rankings of this user are kept."""
    import platformdirs  # noqa: PLC0415 only this command needs it

    return platformdirs.user_cache_path("qrmiddleware") / "rankings"


class RankingCache:
    """Rankings in a folder, one small file each.

    Args:
        folder: Made when the first ranking is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def key(**parts: object) -> str:
        """Return the hash of what determines a ranking."""
        text = msgspec.json.encode({"format": _FORMAT, **parts}, order="deterministic")
        return hashlib.sha256(text).hexdigest()

    def load(self, key: str) -> Ranking | None:
        """Return what was kept, marked as such; ``None`` for nothing that can be read."""
        try:
            ranking = _DECODER.decode(gzip.decompress(self._path(key).read_bytes()))
        except (OSError, EOFError, ValueError, zlib.error):  # msgspec's are ValueErrors
            return None
        return replace(ranking, from_cache=True)

    def keep(self, key: str, ranking: Ranking) -> None:
        """Keep a ranking; readers see it whole or not at all.

        One that failed or was degraded is not kept: another time it may be better.
        """
        if ranking.problem or ranking.degraded:
            return
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = gzip.compress(msgspec.json.encode(ranking), compresslevel=1)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(text)
        Path(file.name).replace(path)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.json.gz"
