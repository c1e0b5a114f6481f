import json
import re

import pytest

from qrmiddleware.demo.site import PATH, DemoSite

PAGE_FILES = ["index.html", "demo.css", "demo.js", "icon.svg"]


async def the_proxy(scope, receive, send):
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"the proxy"})


async def get(site, path, kind="http"):
    sent = []

    async def send(message):
        sent.append(message)

    await site({"type": kind, "path": path, "method": "GET"}, None, send)
    start, body = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, body["body"]


@pytest.fixture
def site():
    return DemoSite(the_proxy)


@pytest.mark.parametrize(
    "path", ["/", "/qrm-demo/_search", "/_qrm/demonstration", "/_qrm/health/live"]
)
async def test_everything_but_the_page_goes_to_the_proxy(site, path):
    assert await get(site, path) == (299, {}, b"the proxy")


async def test_the_page_is_served_with_and_without_its_name(site):
    status, headers, body = await get(site, PATH)

    assert (status, body) == (200, (await get(site, PATH + "index.html"))[2])
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-length"] == str(len(body))


async def test_the_address_without_a_slash_leads_to_the_page(site):
    status, headers, _ = await get(site, PATH.rstrip("/"))

    assert (status, headers["location"]) == (307, PATH)


@pytest.mark.parametrize("path", ["nothing.html", "../vocabulary.py", "../words/_shop.yaml"])
async def test_nothing_but_the_page_is_served(site, path):
    assert (await get(site, PATH + path))[0] == 404


async def test_the_pages_data_is_there_once_published(site):
    before = (await get(site, PATH + "demo.json"))[0]
    site.publish({"index": "shop"})
    after = await get(site, PATH + "demo.json")

    assert before == 404
    assert after[0] == 200
    assert after[1]["content-type"].startswith("application/json")
    assert json.loads(after[2]) == {"index": "shop"}


@pytest.mark.parametrize("name", PAGE_FILES)
async def test_the_page_needs_no_other_server(site, name):
    status, headers, body = await get(site, PATH + name)

    addresses = set(re.findall(rb"(?:https?:)?//[\w.]+\.\w+", body))
    assert status == 200
    assert addresses <= {b"http://www.w3.org"}  # the name of SVG, which nobody fetches
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_the_page_shows_data_as_text_only(site):
    script = (await get(site, PATH + "demo.js"))[2].decode()

    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert unsafe not in script


async def test_the_page_has_every_element_that_its_script_looks_for(site):
    page = (await get(site, PATH))[2].decode()
    script = (await get(site, PATH + "demo.js"))[2].decode()

    looked_for = set(re.findall(r'\bat\("([\w-]+)"\)', script))
    assert looked_for
    assert looked_for <= set(re.findall(r'\bid="([\w-]+)"', page))


async def test_every_input_has_a_label(site):
    page = (await get(site, PATH))[2].decode()

    labelled = set(re.findall(r'<label for="([\w-]+)"', page))
    assert labelled == set(re.findall(r'<(?:input|select) id="([\w-]+)"', page))
