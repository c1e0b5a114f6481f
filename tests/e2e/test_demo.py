"""``qrm demo`` as people run it, and its page in a real browser."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from html import unescape
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import pytest
import tenacity
from rich.console import Console

from qrmiddleware.demo import run
from qrmiddleware.demo.report import curl_command, python_program
from qrmiddleware.demo.reranking import SYSTEMS
from qrmiddleware.demo.site import PATH
from qrmiddleware_benchmarks.engines import probes

QRM = str(Path(sys.executable).with_name("qrm"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
START_S = 120


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The URL of a demo that serves."""
    folder = tmp_path_factory.mktemp("demo")
    port = probes.free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / "demo.log"
    command = [QRM, "demo", "--port", str(port), "--keep", str(folder / "shop")]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def published():
        if process.poll() is not None:
            pytest.fail(f"qrm demo ended with {process.returncode}:\n{log.read_text()}")
        return probes.get(f"{url}{PATH}demo.json")[0] == 200

    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OSError)
        | tenacity.retry_if_result(lambda answer: not answer),
        stop=tenacity.stop_after_delay(START_S),
        wait=tenacity.wait_fixed(0.1),
    )
    try:
        try:
            waiting(published)
        except tenacity.RetryError:
            pytest.fail(f"qrm demo did not serve within {START_S} s:\n{log.read_text()}")
        yield url
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def browser():
    """The path of a Chromium."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        problem = "needs Chromium: apt-get install chromium"
        if os.environ.get("QRM_E2E_REQUIRE") == "1":
            pytest.fail(problem, pytrace=False)
        pytest.skip(problem)
    return found


def look(browser, profile, url, *what):
    """Open a page without a window, and return what is printed."""
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=10000",
        *what,
        url,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def page_for(demo, text):
    return f"{demo}{PATH}?q={quote(text)}"


def column(dom, side):
    """Return one column's hits as texts."""
    inside = dom.partition(f'id="{side}-hits"')[2].partition("</ol>")[0]
    rows = re.findall(r'<li class="hit">(.*?)</li>', inside, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", " ", row)) for row in rows]


@pytest.mark.browser
def test_the_page_shows_both_answers_and_where_hits_come_from(demo, browser, tmp_path):
    dom = look(browser, tmp_path, page_for(demo, "black leather couch"), "--dump-dom")

    plain, piped = column(dom, "plain"), column(dom, "with")
    assert len(plain) == len(piped) == 10
    assert "couch" not in "".join(plain)
    assert "“black leather sofa” · rules" in re.sub(r"\s+", " ", piped[0])
    assert any("▲" in hit for hit in piped)
    assert dom.count("nDCG@10 ") >= 2
    assert "search also for <strong>“black leather sofa”</strong>" in dom


@pytest.mark.browser
def test_the_page_lets_people_choose_the_student(demo, browser, tmp_path):
    dom = look(browser, tmp_path, f"{page_for(demo, 'sofa')}&pipeline=unranked", "--dump-dom")

    offered = re.findall(r'<option value="(\w+)">(\w+)</option>', dom)
    assert offered == [*((f"shop_{each}", each) for each in SYSTEMS), ("unranked", "nothing")]
    assert len(column(dom, "with")) == 10
    assert "reward" not in "".join(column(dom, "with"))


@pytest.mark.browser
def test_the_page_says_so_when_nothing_is_found(demo, browser, tmp_path):
    dom = look(browser, tmp_path, page_for(demo, "sneakers"), "--dump-dom")

    assert column(dom, "plain") == []
    assert "Nothing found" in dom
    assert len(column(dom, "with")) == 10


@pytest.mark.browser
def test_what_people_type_is_never_run(demo, browser, tmp_path):
    attack = "sofa <img src=x onerror=\"document.title='broken into'\">"

    dom = look(browser, tmp_path, page_for(demo, attack), "--dump-dom")

    assert "<title>qrmiddleware demo</title>" in dom
    assert not re.search(r"<img[^>]*onerror", dom)


@pytest.mark.browser
def test_the_page_can_be_drawn_on_a_phone(demo, browser, tmp_path):
    picture = tmp_path / "page.png"

    look(
        browser,
        tmp_path / "profile",
        page_for(demo, "phone"),
        f"--screenshot={picture}",
        "--window-size=500,2000",
    )

    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000


def test_the_printed_program_finds_the_product_under_another_name(demo):
    program = python_program(demo, "sneakers", engine="the embedded engine")

    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert len(re.findall("trainers", found.stdout)) == 10


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_printed_command_finds_the_product_under_another_name(demo):
    command = curl_command(demo, "sneakers")

    found = subprocess.run(
        [str(shutil.which("bash")), "-c", command],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert len(re.findall("trainers", found.stdout)) == 10


def run_once(*options):
    command = [QRM, "demo", "--once", "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def means(output, searches="all"):
    """Return mean nDCG@10: of the engine, with rules and rewrites, and reranked by the student."""
    row = rf"^\s*{searches}\s+\d+\s+(\S+)\s+(\S+)\s+(\S+)"
    return tuple(map(float, re.search(row, output, re.MULTILINE).groups()))


def test_once_prints_three_searches_and_the_means_and_ends():
    output = run_once()

    before, unranked, after = means(output)
    assert all(title in output for title in ("“sneakers”", "“black leather couch”", "“phone”"))
    assert 0.4 < before < 0.6
    assert unranked > before + 0.2
    assert after > unranked


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_student_helps_with_searches_that_it_was_not_trained_on(system):
    output = run_once("--student", system)

    _, unranked, after = means(output, "all it has not seen")
    assert after > unranked
    assert f"The student of {system} was trained" in re.sub(r"\s+", " ", output)


def test_the_folder_that_is_kept_reranks_with_every_student(tmp_path):
    run_once("--keep", str(tmp_path), "--student", "crsd")
    port = probes.free_port()
    command = [QRM, "serve", "--config", str(tmp_path / "qrmiddleware.yaml"), "--port", str(port)]
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OSError),
        stop=tenacity.stop_after_delay(START_S),
        wait=tenacity.wait_fixed(0.1),
    )

    def rewards(pipeline):
        path = "qrm-demo/_search?q=sofa&size=100&qrm_debug=true&qrm_timeout_ms=9999"
        answer = waiting(probes.get, f"http://127.0.0.1:{port}/{path}&qrm_pipeline={pipeline}")
        hits = json.loads(answer[1])["hits"]["hits"]
        return {hit["_id"]: hit["_qrm"].get("reward") for hit in hits}

    try:
        found = {each: rewards(f"shop_{each}") for each in SYSTEMS}
        assert rewards("shop") == found["crsd"]
        assert set(rewards("unranked").values()) == {None}
    finally:
        process.terminate()
        process.wait()
    assert None not in {reward for each in found.values() for reward in each.values()}
    assert len({tuple(each.items()) for each in found.values()}) == len(SYSTEMS)


def test_without_the_students_libraries_nothing_reranks_and_it_says_so(monkeypatch):
    monkeypatch.setattr(run, "usable", lambda chosen: ())
    console = Console(width=100, record=True, file=StringIO())

    run.run_demo(run.DemoOptions(port=0, once=True), console)

    output = console.export_text()
    assert "No reranking" in output
    assert "has not seen" not in output
    assert re.search(r"^\s*all\s+295\s+\S+\s+\S+\s+\+0\.3", output, re.MULTILINE)


@pytest.mark.elasticsearch
def test_the_pipeline_gains_as_much_on_a_bare_elasticsearch(elasticsearch_url):
    before, unranked, after = means(run_once("--upstream", elasticsearch_url, "--yes"))

    assert unranked > before + 0.2
    assert after > unranked


@pytest.mark.opensearch
def test_the_pipeline_gains_as_much_on_opensearch(opensearch_url):
    before, unranked, after = means(run_once("--upstream", opensearch_url, "--yes"))

    assert unranked > before + 0.2
    assert after > unranked


@pytest.mark.opensearch
def test_an_index_of_that_name_is_not_overwritten_unasked(opensearch_url):
    run_once("--upstream", opensearch_url, "--yes")

    command = [QRM, "demo", "--once", "--port", "0", "--upstream", opensearch_url]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert refused.returncode == 2
    assert "--yes" in refused.stdout + refused.stderr
