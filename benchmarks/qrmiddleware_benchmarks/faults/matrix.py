"""The table of faults: what happens, what clients may see, what is counted, how fast it passes."""

from typing import Final

from qrmiddleware_benchmarks.faults.plugin_faults import PLUGINS
from qrmiddleware_benchmarks.faults.proxy_faults import PROXY
from qrmiddleware_benchmarks.faults.table_faults import REDIS, TABLES
from qrmiddleware_benchmarks.faults.upstream_faults import UPSTREAM

CELLS: Final = (*PLUGINS, *REDIS, *TABLES, *UPSTREAM, *PROXY)
