"""The page that people read, written from the kept results and from nothing else."""

from pathlib import Path
from typing import Final

from qrmiddleware_benchmarks.processes import Tell
from qrmiddleware_benchmarks.results import ResultError
from qrmiddleware_benchmarks.sections import SECTIONS

HEAD: Final = """\
# Benchmarks

What qrmiddleware adds to a search, in milliseconds at a stated load, measured from outside through
HTTP. This page is generated: `qrm-bench report` writes it from the results that the other commands
leave in `benchmarks/results/`, and from nothing else.

**Do not carry these figures over to your machine. Measure there**:

```sh
qrm-bench run passthrough                     # what the proxy itself costs
qrm-bench run search --catalogue products.jsonl.gz --queries queries.jsonl --zipf 1
qrm-bench urls --queries queries.txt \\
    --arm direct=http://localhost:9200/products/_search \\
    --arm proxied=http://localhost:9250/products/_search
qrm-bench knee passthrough --p99-ms 50        # how many searches a second it answers in time
qrm-bench overload                            # what is still answered when more comes in
qrm-bench compare before.json after.json --fail-on-regression
```

## How to read the figures

**Arms** are ways to the same answers; each section names its own and says what they are. Before
anything is timed, their answers are held against the first arm's. Every arm gets the same load,
one arm after the other in slices of seconds, in an order drawn anew for every round, so that
whatever disturbs the machine hits all alike.

**Latency** is counted from the moment a search was due, not from when it could be sent. Searches
are due by a schedule that does not wait for answers, as shoppers do not wait for each other: a
server that stalls for 200 ms makes every search that was due meanwhile late, and the percentiles
say so. (A client that sends its next search when it has the answer to the last would send one slow
search, and hide the others.)

**p99** is what one search in a hundred exceeds. A shop that sends twenty searches for one visit
shows a latency above p99 to nearly every fifth visitor. A figure with **~** has fewer than ten
searches beyond it and will not repeat.

**Added, and the ratio** are against the first arm, with a 95 % interval in brackets, from a
bootstrap over rounds. If the interval of *added* holds 0, no difference was shown. The absolute
addition carries over to slower engines, the ratio does not: 1 ms above 0.2 ms is six times, above
20 ms it is 5 %.

**Degraded** is the share of searches that were answered without some plugin's opinion
([`X-QRM-Degraded`](headers.md#response-headers)). **CPU ms a search** is the processor time of the
arm's own processes. It falls as the rate grows, because more is done each time the process wakes
up, so it does not say what a core can take: the knee does.

**What they do not say.** Load generator, proxy and upstream share one machine here, and take its
cores from each other; on machines of their own there is less waiting and a network in between. The
load is steady; real load is not. Under the tables stands what makes figures doubtful: a load
generator that was late itself, errors, a rate that was not kept up, a host that took time for
others.
"""


def page(results: Path, to: Path, tell: Tell) -> int:
    """Write the page in Markdown, and its pictures into a folder of the same name beside it.

    Args:
        results: Folder of result files; those of unknown names are left out.
        to: The page.
        tell: Is told of files that cannot be read.

    Returns:
        How many results it was written from.
    """
    pictures = to.with_suffix("")
    parts: list[str] = []
    for section in SECTIONS:
        for path in sorted(results.glob(section.files)):
            try:
                parts.append("\n".join(section.write(path, pictures)))
            except ResultError as error:
                tell(f"left out: {error}")
    to.write_text("\n".join([HEAD, *parts]).rstrip("\n") + "\n", encoding="utf-8")
    return len(parts)
