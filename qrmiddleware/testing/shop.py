"""A judged catalogue, as small as a recipe can learn something from."""

import json
from pathlib import Path
from typing import Final

COLOURS: Final = ("steel", "glass", "white", "black", "red")


def write_shop(folder: Path) -> Path:
    """Write kettles and toasters of two brands, and a judged query for each, in two folds.

    Args:
        folder: Where to, in the format ``jsonl`` of ``qrm eval``; made.

    Returns:
        ``folder``.
    """
    folder.mkdir()
    products = [
        {
            "id": f"{kind[0]}{number}",
            "title": f"{brand} {kind} {number // 5 + 1} l {COLOURS[number % 5]}",
            "brand": brand,
            "product_type": kind,
        }
        for kind in ("kettle", "toaster")
        for number in range(12)
        for brand in (("Acme", "Bold")[number % 2],)
    ]
    queries = [
        {"id": "q0", "query": "kettle", "fold": 0},
        {"id": "q1", "query": "toaster", "fold": 1},
    ]
    judgments = "".join(
        f"{query_id}\t{product['id']}\t{grade}\n"
        for query_id, kind in (("q0", "kettle"), ("q1", "toaster"))
        for number, product in enumerate(products)
        for grade in (3 - number % 2 if product["product_type"] == kind else 0,)
    )
    (folder / "products.jsonl").write_text("".join(json.dumps(p) + "\n" for p in products))
    (folder / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries))
    (folder / "judgments.tsv").write_text("query_id\tproduct_id\tgrade\n" + judgments)
    return folder
