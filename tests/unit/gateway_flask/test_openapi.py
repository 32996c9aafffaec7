import gzip
import json

import pytest


class TestDescription:
    def test_is_for_everybody(self, anonymous):
        response = anonymous.get("/openapi.json")

        assert response.status_code == 200
        assert response.content_type == "application/json"
        assert json.loads(response.data)["openapi"].startswith("3.1")

    def test_is_not_sent_to_who_has_it(self, anonymous):
        tag = anonymous.get("/openapi.json").headers["ETag"]
        response = anonymous.get("/openapi.json", headers={"If-None-Match": tag})

        assert response.status_code == 304
        assert response.headers["Cache-Control"] == "no-cache"

    def test_is_packed_for_who_can_unpack_it(self, anonymous):
        plain = anonymous.get("/openapi.json")
        packed = anonymous.get("/openapi.json", headers={"Accept-Encoding": "gzip"})

        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["ETag"] != plain.headers["ETag"]
        assert gzip.decompress(packed.data) == plain.data


class TestPage:
    def test_may_load_its_own_scripts_only(self, anonymous):
        response = anonymous.get("/docs")
        policy = response.headers["Content-Security-Policy"]

        assert response.status_code == 200
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert b"http" not in response.data.replace(b"http-equiv", b"")

    @pytest.mark.parametrize(
        ("name", "content_type"),
        [
            ("page.css", "text/css; charset=utf-8"),
            ("start.js", "text/javascript; charset=utf-8"),
            ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
            ("swagger-ui.css", "text/css; charset=utf-8"),
            ("favicon-32x32.png", "image/png"),
        ],
    )
    def test_finds_its_files(self, anonymous, name, content_type):
        response = anonymous.get(f"/docs/assets/{name}")

        assert response.status_code == 200
        assert response.content_type == content_type
        assert f"/docs/assets/{name}" in anonymous.get("/docs").text

    def test_gives_no_other_file_away(self, anonymous):
        assert anonymous.get("/docs/assets/index.html").status_code == 404
        assert anonymous.get("/docs/assets/..%2fopenapi.py").status_code == 404
