import pytest

ID = "0190a0b0-0000-7000-8000-000000000001"


@pytest.fixture
def tag(client, bus):
    bus.answers["customer.get_contact"] = {"id": ID, "version": 3}
    return client.get(f"/v1/contacts/{ID}").headers["ETag"]


class TestOneThing:
    def test_has_a_tag_of_its_version_and_the_callers_rights(self, tag):
        version, rights = tag.strip('"').split("-")

        assert version == "v3"
        assert len(rights) == 8

    def test_has_another_tag_for_other_rights(self, anonymous, make_token, tag):
        header = f"Bearer {make_token(grants={'contacts:read': 'own'})}"

        answer = anonymous.get(f"/v1/contacts/{ID}", headers={"Authorization": header})

        assert answer.headers["ETag"] != tag

    @pytest.mark.parametrize("pattern", ["{}", "W/{}", '"x", {}', "*"])
    def test_that_is_known_is_304(self, client, tag, pattern):
        answer = client.get(
            f"/v1/contacts/{ID}", headers={"If-None-Match": pattern.format(tag)}
        )

        assert (304, tag, b"") == (
            answer.status_code,
            answer.headers["ETag"],
            answer.data,
        )

    def test_that_has_changed_is_sent(self, client, tag, bus):
        bus.answers["customer.get_contact"] = {"id": ID, "version": 4}

        answer = client.get(f"/v1/contacts/{ID}", headers={"If-None-Match": tag})

        assert (200, 4) == (answer.status_code, answer.json["version"])

    def test_that_looks_different_in_the_same_version_is_sent(self, client, tag, bus):
        counted = {"id": ID, "version": 3, "interaction_count": 1}
        bus.answers["customer.get_contact"] = counted

        answer = client.get(
            f"/v1/contacts/{ID}",
            headers={"If-None-Match": tag, "Cache-Control": "no-cache"},
        )

        assert (200, counted) == (answer.status_code, answer.json)

    def test_changed_by_a_patch_has_its_new_tag(self, client, bus):
        bus.answers["customer.update_contact"] = {"id": ID, "version": 4}

        answer = client.patch(f"/v1/contacts/{ID}", json={})

        assert answer.headers["ETag"].startswith('"v4-')


class TestList:
    def test_is_as_the_service_gave_it_and_has_no_tag(self, client, bus):
        page = {"data": [{"id": ID}], "page": {"next_cursor": None, "has_more": False}}
        bus.answers["customer.list_contacts"] = page

        answer = client.get("/v1/contacts")

        assert page == answer.json
        assert "ETag" not in answer.headers


class TestCreated:
    def test_names_the_place_of_the_new_thing(self, client, bus):
        bus.answers["customer.create_contact"] = {"id": ID, "version": 1}

        answer = client.post("/v1/contacts", json={})

        assert (201, f"/v1/contacts/{ID}") == (
            answer.status_code,
            answer.headers["Location"],
        )
        assert answer.headers["ETag"].startswith('"v1-')

    def test_says_when_it_was_so_before(self, client, bus):
        bus.answers["customer.create_contact"] = {"id": ID, "version": 1}
        bus.reply_headers = {"rapport.replayed": True}

        answer = client.post("/v1/contacts", json={})

        assert answer.headers["Idempotency-Replayed"] == "true"


class TestNoContent:
    def test_is_empty(self, client, bus):
        bus.answers["customer.archive_contact"] = None

        answer = client.delete(f"/v1/contacts/{ID}")

        assert (204, b"") == (answer.status_code, answer.data)
