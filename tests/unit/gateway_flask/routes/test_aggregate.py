import pytest

from chassis.errors import (
    DeadlineExceededError,
    ForbiddenError,
    NotFoundError,
    RemoteError,
    UnauthenticatedError,
    UnavailableError,
)

ID = "0190a0b0-0000-7000-8000-000000000001"
OVERVIEW = f"/v1/accounts/{ID}/overview"
DOWN = UnavailableError("service_unavailable", "Down.")


@pytest.fixture
def get_as(app, make_token):
    def get(path, grants):
        token = make_token(grants)
        return app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})

    return get


class TestOverview:
    def test_asks_for_everything_within_a_second_and_a_half(self, client, bus):
        answer = client.get(OVERVIEW)

        assert [each[0] for each in bus.calls] == [
            "customer.get_account",
            "customer.list_contacts",
            "sales.list_opportunities",
            "customer.list_interactions",
        ]
        assert all(1 < each[3] <= 1.5 for each in bus.calls)
        assert {each["status"] for each in answer.json["sections"].values()} == {"ok"}

    def test_shows_each_part_as_its_own_route_answers_it(self, client, bus):
        bus.answers["sales.list_opportunities"] = {"data": [1], "page": {}}

        section = client.get(OVERVIEW).json["sections"]["opportunities"]

        assert section == {
            "status": "ok",
            "code": None,
            "data": {"data": [1], "page": {}},
            "age_s": None,
            "href": f"/v1/opportunities?filter%5Baccount_id%5D={ID}"
            "&limit=20&filter%5Bstatus%5D=open",
        }
        assert client.get(section["href"]).json == section["data"]

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (DOWN, "unavailable", "service_unavailable"),
            (
                DeadlineExceededError("deadline_exceeded"),
                "unavailable",
                "deadline_exceeded",
            ),
            (RemoteError("KeyError", "secret"), "unavailable", "internal_error"),
            (ForbiddenError("x"), "forbidden", "permission_missing"),
        ],
    )
    def test_goes_without_the_part_that_cannot_be_had(
        self, client, bus, error, status, code
    ):
        bus.answers["sales.list_opportunities"] = error

        answer = client.get(OVERVIEW)
        sections = answer.json["sections"]

        assert answer.status_code == 200
        assert (sections["opportunities"]["status"], status) == (status, status)
        assert sections["opportunities"]["code"] == code
        assert sections["opportunities"]["data"] is None
        assert sections["account"]["status"] == "ok"
        assert b"secret" not in answer.data

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (NotFoundError("account_not_found"), 404),
            (DOWN, 503),
            (DeadlineExceededError("deadline_exceeded"), 504),
            (UnauthenticatedError("token_expired"), 401),
        ],
    )
    def test_is_nothing_without_the_account(self, client, bus, error, status):
        bus.answers["customer.get_account"] = error

        answer = client.get(OVERVIEW)

        assert (answer.status_code, answer.json["code"]) == (status, error.code)

    def test_asks_nobody_for_what_the_caller_may_not_see(self, get_as, bus):
        answer = get_as(OVERVIEW, {"accounts:read": "all", "contacts:read": "own"})
        statuses = {
            name: each["status"] for name, each in answer.json["sections"].items()
        }

        assert statuses == {
            "account": "ok",
            "contacts": "ok",
            "opportunities": "forbidden",
            "interactions": "forbidden",
        }
        assert [each[0] for each in bus.calls] == [
            "customer.get_account",
            "customer.list_contacts",
        ]

    def test_is_for_those_who_may_read_accounts(self, get_as, bus):
        answer = get_as(OVERVIEW, {"contacts:read": "all"})

        assert (answer.status_code, bus.calls) == (403, [])


class TestHome:
    def test_asks_for_what_is_the_callers_own(self, client, bus):
        client.get("/v1/home")

        owners = {
            name: kwargs["query"].get("filter[owner_id]")
            for name, kwargs, _, _ in bus.calls
        }
        assert {name for name, owner in owners.items() if owner} == {
            "sales.list_leads",
            "sales.list_opportunities",
        }

    def test_is_refused_if_there_is_nothing_to_show(self, client, bus):
        for name in (
            "sales.list_leads",
            "sales.list_opportunities",
            "customer.list_interactions",
            "analytics.get_activity",
            "notify.list_deliveries",
        ):
            bus.answers[name] = DOWN

        answer = client.get("/v1/home")

        assert (answer.status_code, answer.json["code"]) == (503, "service_unavailable")

    def test_is_empty_for_those_who_may_see_nothing(self, get_as, bus):
        answer = get_as("/v1/home", {})
        statuses = {each["status"] for each in answer.json["sections"].values()}

        assert (answer.status_code, statuses, bus.calls) == (200, {"forbidden"}, [])

    @pytest.mark.parametrize("path", ["/v1/home", OVERVIEW])
    def test_takes_no_parameters(self, client, path):
        answer = client.get(f"{path}?fields=id")

        assert (answer.status_code, answer.json["code"]) == (400, "unknown_parameter")


def hit(kind, score, updated_at):
    return {"type": kind, "score": score, "updated_at": updated_at}


class TestSearch:
    @pytest.fixture
    def found(self, bus):
        bus.answers["customer.search_records"] = {
            "contacts": {
                "hits": [hit("contact", 40, "2"), hit("contact", 20, "9")],
                "has_more": True,
            },
            "accounts": {"hits": [], "has_more": False},
        }
        bus.answers["sales.search_records"] = {
            "leads": {"hits": [hit("lead", 40, "3")], "has_more": False},
            "opportunities": {"hits": [], "has_more": False},
        }
        return bus

    @pytest.mark.usefixtures("found")
    def test_merges_by_score_and_then_by_the_last_change(self, client):
        answer = client.get("/v1/search?q=x&limit=2").json

        assert [each["updated_at"] for each in answer["hits"]] == ["3", "2"]
        assert answer["sections"]["contacts"] == {
            "status": "ok",
            "code": None,
            "data": {"hits": 2, "has_more": True},
            "age_s": None,
            "href": "/v1/search?q=x&types=contacts&limit=2",
        }

    def test_goes_on_without_a_service(self, client, found):
        found.answers["customer.search_records"] = DOWN

        answer = client.get("/v1/search?q=x")

        statuses = {n: each["status"] for n, each in answer.json["sections"].items()}
        assert (answer.status_code, len(answer.json["hits"])) == (200, 1)
        assert statuses == {
            "contacts": "unavailable",
            "accounts": "unavailable",
            "leads": "ok",
            "opportunities": "ok",
        }

    def test_is_refused_if_nobody_can_be_asked(self, client, found):
        found.answers["customer.search_records"] = DOWN

        answer = client.get("/v1/search?q=x&types=contacts,accounts")

        assert (answer.status_code, answer.json["code"]) == (503, "service_unavailable")

    def test_asks_only_for_what_the_caller_may_read(self, get_as, found):
        answer = get_as("/v1/search?q=x", {"contacts:read": "own"})

        asked = [(name, kwargs["kinds"]) for name, kwargs, _, _ in found.calls]
        statuses = {n: each["status"] for n, each in answer.json["sections"].items()}
        assert asked == [("customer.search_records", ["contacts"])]
        assert statuses == {
            "contacts": "ok",
            "accounts": "forbidden",
            "leads": "forbidden",
            "opportunities": "forbidden",
        }

    def test_is_empty_for_those_who_may_read_nothing(self, get_as, found):
        answer = get_as("/v1/search?q=x", {})

        assert (answer.status_code, answer.json["hits"], found.calls) == (200, [], [])
