from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from qrmiddleware_benchmarks.counters import counted, read_counters

METRICS = """\
# TYPE qrm_plugin_calls_total counter
qrm_plugin_calls_total{hook="qrm_rewrite",outcome="success",pipeline="default",plugin="rules"} 4.0
qrm_plugin_calls_total{hook="qrm_rewrite",outcome="timeout",pipeline="default",plugin="rules"} 1.0
# TYPE qrm_reward_cache_hits_total counter
qrm_reward_cache_hits_total 9.0
# TYPE qrm_requests_total counter
qrm_requests_total{kind="search",status="200"} 5.0
"""


@contextmanager
def metrics():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path.startswith("/_qrm/metrics") else 404)
            self.end_headers()
            self.wfile.write(METRICS.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def test_plugin_calls_and_caches_of_all_workers_are_read():
    with metrics() as first, metrics() as second:
        found = read_counters((first, second))

    assert found == {"rules success": 8, "rules timeout": 2, "qrm_reward_cache_hits_total": 18}


def test_an_arm_without_an_admin_port_counts_nothing():
    assert read_counters(()) == {}


def test_only_what_has_grown_is_counted():
    assert counted({"a": 1, "b": 2}, {"a": 1, "b": 5, "c": 1}) == {"b": 3, "c": 1}
