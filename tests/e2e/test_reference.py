"""The description as pages, and the page that a problem's type leads to."""

import re

import pytest
import requests
from descriptions import DOCUMENT, operations
from looking import CHROMIUM, check_looks

pytestmark = pytest.mark.e2e

PAGES = {
    "/docs/reference": "Every operation",
    "/docs/reference/contacts": "POST /v1/contacts/batch",
    "/docs/reference/oauth": "application/x-www-form-urlencoded",
    "/docs/reference/schemas": "ContactView",
    "/problems": "version_conflict",
    "/problems/version_conflict": "the record has changed since the version",
}


@pytest.fixture
def read(status):
    def get(path):
        return requests.get(f"{status['gateway']}{path}", timeout=20)

    return get


class TestPages:
    @pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
    @pytest.mark.parametrize("colors", ["light", "dark"])
    @pytest.mark.parametrize("path", PAGES)
    def test_can_be_used_by_everybody(self, read, tmp_path, path, colors):
        text = read(path).text
        assert PAGES[path] in text

        check_looks(text, tmp_path, colors)

    @pytest.mark.parametrize("path", PAGES)
    def test_need_and_hold_no_script(self, read, path):
        page = read(path)
        policy = page.headers["Content-Security-Policy"]

        assert PAGES[path] in page.text
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "<script" not in page.text.lower()
        assert not re.search(r"<[^>]+\s(on\w+|style|src)=", page.text)

    def test_are_sent_once(self, read, status):
        tag = read("/problems").headers["ETag"]
        again = requests.get(
            f"{status['gateway']}/problems", headers={"If-None-Match": tag}, timeout=20
        )

        assert again.status_code == 304

    def test_lead_to_one_another(self, read):
        todo, seen = ["/docs/reference"], {}
        while todo:
            path = todo.pop()
            page = read(path)
            assert page.status_code == 200, path
            seen[path] = page.text
            found = re.findall(r'href="(/(?:docs/reference|problems)[^"]*)"', page.text)
            pages = {each.partition("#")[0] for each in found}
            todo += pages - seen.keys() - set(todo)

        told = "".join(seen.values())
        assert {f"/docs/reference/{tag['name']}" for tag in DOCUMENT["tags"]} <= set(
            seen
        )
        for _, _, operation in operations():
            assert f'id="{operation["operationId"]}"' in told
        for schema in DOCUMENT["components"]["schemas"]:
            assert f'id="{schema}"' in told

    def test_are_found_from_the_one_that_needs_scripts(self, read):
        (without,) = re.findall("<noscript>(.*)</noscript>", read("/docs").text)

        assert 'href="/docs/reference"' in without


class TestProblems:
    @pytest.mark.parametrize("path", ["/v1/me", "/v1/nothing", "/v1/contacts?x=1"])
    def test_lead_to_what_they_mean(self, read, path):
        problem = read(path).json()
        page = read(problem["type"])

        assert page.status_code == 200
        assert problem["code"] in page.text
        assert f"Status {problem['status']}" in page.text

    @pytest.mark.parametrize("code", ["nothing", "<b>", "a" * 3_000])
    def test_that_there_are_not_have_no_page(self, read, code):
        answer = read(f"/problems/{code}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
