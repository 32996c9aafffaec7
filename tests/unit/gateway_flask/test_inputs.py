import io

import pytest

from chassis.ids import is_keyed, keyed_operation_id

ID = "0190a0b0-0000-7000-8000-000000000001"
ORG_ID = "0190a0b0-0000-7000-8000-00000000000a"
PERSON_ID = "0190a0b0-0000-7000-8000-00000000000b"


def post(client, data, content_type="application/json", **headers):
    return client.post(
        "/v1/contacts", data=data, content_type=content_type, headers=headers
    )


class TestBody:
    def test_reaches_the_service_as_it_is(self, client, bus):
        bus.answers["customer.create_contact"] = {"id": ID, "version": 1}
        post(client, b'{"a": {"b": [1, 2.5, null, true, "\\u00e9"]}}')

        payload = bus.calls[0][1]["payload"]

        assert payload == {"a": {"b": [1, 2.5, None, True, "é"]}}

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"", "body_missing"),
            (b"{", "malformed_json"),
            (b'{"a": NaN}', "malformed_json"),
            (b'{"a": 1,}', "malformed_json"),
            (b'{"a": "\xff"}', "malformed_json"),
            (b'{"a": "\\ud800"}', "malformed_json"),
            (b"[" * 2_000 + b"]" * 2_000, "malformed_json"),
            (b"[1]", "body_not_an_object"),
            (b"null", "body_not_an_object"),
        ],
    )
    def test_that_cannot_be_read_is_400(self, client, bus, data, code):
        answer = post(client, data)

        assert (400, code) == (answer.status_code, answer.json["code"])
        assert bus.calls == []

    @pytest.mark.parametrize(
        ("data", "code", "field"),
        [
            (b'{"a":' * 33 + b"1" + b"}" * 33, "too_deep", ".".join("a" * 32)),
            (b'{"a": {"b": "%s"}}' % (b"x" * 100_001), "too_long", "a.b"),
            (b'{"%s": 1}' % (b"k" * 257), "too_long", ""),
            (b'{"a": [%s1]}' % (b"1," * 50_000), "too_many_values", "a"),
            (b'{"a": [0, 9223372036854775808]}', "number_out_of_range", "a.1"),
            (b'{"a": 99999999999999999999999}', "number_out_of_range", "a"),
            (b'{"a": -1e300}', "number_out_of_range", "a"),
            (b'{"a": "x\\u0000"}', "nul_character", "a"),
            (b'{"a": {"\\u0000": 1}}', "nul_character", "a"),
        ],
    )
    def test_that_is_absurd_is_422(self, client, bus, data, code, field):
        answer = post(client, data)
        problem = answer.json

        assert (422, code) == (answer.status_code, problem["code"])
        assert [(field, code)] == [(e["field"], e["code"]) for e in problem["errors"]]
        assert bus.calls == []

    def test_at_the_bounds_passes(self, client, bus):
        bus.answers["customer.create_contact"] = {"id": ID, "version": 1}
        deep = b'{"a":' * 32 + b"9223372036854775807" + b"}" * 32

        assert post(client, deep).status_code == 201

    @pytest.mark.parametrize("content_type", ["text/plain", "", "application/xml"])
    def test_that_is_not_json_is_415(self, client, content_type):
        answer = post(client, b"{}", content_type)

        assert (415, "unsupported_media_type") == (
            answer.status_code,
            answer.json["code"],
        )

    @pytest.mark.parametrize(
        "content_type",
        ["application/json; charset=utf-8", "application/merge-patch+json"],
    )
    def test_may_be_a_merge_patch(self, client, content_type):
        answer = client.patch(
            f"/v1/contacts/{ID}", data=b"{}", content_type=content_type
        )

        assert answer.status_code == 200

    def test_beyond_one_mebibyte_is_413(self, client):
        answer = post(client, b'{"a": "%s"}' % (b"x" * 1_048_576))

        assert (413, "body_too_large") == (answer.status_code, answer.json["code"])

    def test_in_chunks_beyond_one_mebibyte_is_413(self, client):
        answer = client.post(
            "/v1/contacts",
            input_stream=io.BytesIO(b" " * 1_048_577),
            content_type="application/json",
            environ_overrides={"wsgi.input_terminated": True},
        )

        assert answer.status_code == 413

    def test_may_be_missing_where_everything_in_it_is_optional(self, client, bus):
        client.post(f"/v1/leads/{ID}/convert")

        assert bus.calls[0][1]["payload"] == {}


class TestQuery:
    def test_reaches_the_service_raw(self, client, bus):
        client.get("/v1/leads?filter%5Bstatus%5D=new&sort=-created_at&q=a+b&cursor=")

        assert bus.calls[0][1]["query"] == {
            "filter[status]": "new",
            "sort": "-created_at",
            "q": "a b",
            "cursor": "",
        }

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("limit=1&limit=2", "duplicate_parameter"),
            ("q=%ff", "query_malformed"),
            ("&".join(f"p{n}=1" for n in range(101)), "query_malformed"),
            ("q=" + "x" * 8_192, "query_too_long"),
        ],
    )
    def test_that_cannot_be_read_is_400(self, client, bus, query, code):
        answer = client.get(f"/v1/leads?{query}")

        assert (400, code) == (answer.status_code, answer.json["code"])
        assert bus.calls == []


class TestPathIds:
    @pytest.mark.parametrize("path", [ID.upper(), "1", ID + "0", f"{{{ID}}}"])
    def test_of_another_shape_is_404_without_asking(self, client, bus, path):
        answer = client.get(f"/v1/contacts/{path}")

        assert (404, "not_found") == (answer.status_code, answer.json["code"])
        assert bus.calls == []


class TestIfMatch:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (None, None),
            ("*", None),
            ('"v3-0a1b2c3d"', 3),
            ('"v3-0a1b2c3d", "v3-ffffffff"', 3),
        ],
    )
    def test_gives_the_version_alone(self, client, bus, given, expected):
        client.delete(
            f"/v1/contacts/{ID}", headers={"If-Match": given} if given else {}
        )

        assert expected == bus.calls[0][1]["expected_version"]

    @pytest.mark.parametrize(
        "given", ["", 'W/"v3-0a1b2c3d"', "v3", '"3"', '"v3-0a", "v4-0a"', '"v3-0a",']
    )
    def test_of_another_shape_is_400(self, client, bus, given):
        answer = client.delete(f"/v1/contacts/{ID}", headers={"If-Match": given})

        assert (400, "if_match_invalid") == (answer.status_code, answer.json["code"])
        assert bus.calls == []


class TestOperationId:
    def test_is_fresh_without_a_key(self, client, bus):
        for _ in range(2):
            client.post(f"/v1/contacts/{ID}/restore")

        first, second = (call[2]["operation_id"] for call in bus.calls)

        assert first != second
        assert not is_keyed(first)

    def test_follows_from_the_key_and_the_caller(self, client, bus):
        client.post(f"/v1/contacts/{ID}/restore", headers={"Idempotency-Key": "k 1"})

        expected = keyed_operation_id(ORG_ID, PERSON_ID, "k 1")

        assert expected == bus.calls[0][2]["operation_id"]

    def test_of_an_anonymous_caller_has_no_scope(self, anonymous, bus):
        anonymous.post(
            "/v1/auth/refresh", json={"a": 1}, headers={"Idempotency-Key": "k"}
        )

        expected = keyed_operation_id("-", "-", "k")

        assert expected == bus.calls[0][2]["operation_id"]

    @pytest.mark.parametrize("key", ["", "k" * 256, "é"])
    def test_of_a_strange_key_is_400(self, client, bus, key):
        answer = client.post(
            f"/v1/contacts/{ID}/restore", headers={"Idempotency-Key": key}
        )

        assert (400, "idempotency_key_invalid") == (
            answer.status_code,
            answer.json["code"],
        )
        assert bus.calls == []

    def test_a_read_takes_no_key(self, client, bus):
        client.get(f"/v1/contacts/{ID}", headers={"Idempotency-Key": "k"})

        assert not is_keyed(bus.calls[0][2]["operation_id"])
