"""nginx as a reverse proxy: the yardstick for ours, and TLS with basic auth for others."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from qrmiddleware_benchmarks.engines import account, certificates, probes
from qrmiddleware_benchmarks.engines.engine import Launch, Options, Service
from qrmiddleware_benchmarks.engines.errors import EngineError
from qrmiddleware_benchmarks.engines.programs import Program

_USERNAME = "elastic"
_CONFIGURATION = Template("""\
daemon off;
worker_processes auto;
pid $home/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $home/body;
    proxy_temp_path $home/proxy;
    fastcgi_temp_path $home/fastcgi;
    uwsgi_temp_path $home/uwsgi;
    scgi_temp_path $home/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000;
    upstream engine {
        server $upstream;
        keepalive 64;
        keepalive_requests 1000000;
    }
    server {
        $listen
        location / {
            proxy_pass http://engine;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $$http_host;
            proxy_set_header Authorization $authorization;
        }
    }
}
""")
_PLAIN = "listen 127.0.0.1:{port};"
_SECURE = """listen 127.0.0.1:{port} ssl;
        ssl_certificate {files.chain};
        ssl_certificate_key {files.key};
        auth_basic engine;
        auth_basic_user_file {users};"""


@dataclass(frozen=True, slots=True)
class Nginx(Program):
    """nginx in front of a server that speaks plain HTTP."""

    def prepare(self, home: Path, options: Options) -> Launch:
        """Write the configuration, and a certificate and password if asked for."""
        upstream = urlsplit(options.upstream)
        if upstream.scheme != "http" or not upstream.netloc:
            message = f"nginx needs an http:// URL to stand in front of, not {options.upstream!r}"
            raise EngineError(message)
        home.mkdir(exist_ok=True)
        prepare = self._secure if options.security else self._plain
        listen, launch = prepare(home, options)
        configuration = _CONFIGURATION.substitute(
            home=home,
            upstream=upstream.netloc,
            listen=listen,
            authorization='""' if options.security else "$http_authorization",
        )
        (home / "nginx.conf").write_text(configuration, encoding="utf-8")
        account.hand_over(home)
        return launch

    def _plain(self, home: Path, options: Options) -> tuple[str, Launch]:
        url = f"http://127.0.0.1:{options.port}"
        service = self._service(home, partial(_answers, url))
        return _PLAIN.format(port=options.port), Launch((service,), url)

    def _secure(self, home: Path, options: Options) -> tuple[str, Launch]:
        files = certificates.write_certificate(home / "certs")
        password = certificates.read_or_make_password(home / "password")
        users = home / "users"
        users.write_text(f"{_USERNAME}:{certificates.salted_sha1(password)}\n", encoding="utf-8")
        url = f"https://127.0.0.1:{options.port}"
        answers = partial(_answers, url, files.authority, (_USERNAME, password))
        service = self._service(home, answers)
        listen = _SECURE.format(port=options.port, files=files, users=users)
        return listen, Launch((service,), url, files.authority, _USERNAME, password)

    def _service(self, home: Path, answers: partial[bool]) -> Service:
        prefix = ("-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf"))
        return Service((self.executable(), *prefix), answers, {"HOME": str(home)})


NGINX = Nginx("nginx in front of the URL given with --upstream", ("nginx",), "nginx", 8088)


def _answers(url: str, ca_certs: Path | None = None, auth: tuple[str, str] | None = None) -> bool:
    status, _ = probes.get(url + "/", ca_certs=ca_certs, auth=auth)
    return status < HTTPStatus.INTERNAL_SERVER_ERROR
