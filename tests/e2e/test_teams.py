"""Teams, and what the reach ``team`` shows of others' records."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from following import Stream
from members import recruit
from waiting import until

pytestmark = pytest.mark.e2e

# As promised; two processes of the gateway take turns to answer.
EFFECTIVE_S = 2.0
TRIES = 6


@pytest.fixture
def rep(status, newcomer, client):
    """``rep()`` is another sales representative of the client's organization."""
    return lambda *roles: recruit(status, newcomer, client, *(roles or ("sales_rep",)))


@pytest.fixture
def team(client):
    def make(name, **fields):
        code, made, _ = client("POST", "/v1/teams", {"name": name, **fields})
        assert code == 201, made
        return made["id"]

    return make


@pytest.fixture
def put_in(client):
    def put(team_id, *people, method="PUT"):
        for each in people:
            path = f"/v1/teams/{team_id}/members/{each.user_id}"
            code, answer, _ = client(method, path)
            assert code == 204, answer

    return put


@pytest.fixture
def becomes(until):
    """Waits until somebody sees a contact, or does not, whichever process answers."""

    def wait(who, contact_id, *, seen):
        expected = 200 if seen else 404
        path = f"/v1/contacts/{contact_id}"
        until(
            lambda: all(who("GET", path)[0] == expected for _ in range(TRIES)),
            EFFECTIVE_S,
        )

    return wait


def make_contact(who, **fields):
    code, made, _ = who("POST", "/v1/contacts", {"last_name": "Li", **fields})
    assert code == 201, made
    return made


def refusal(answer):
    return answer[0], answer[1].get("code")


class TestTeams:
    def test_are_made_changed_put_away_and_brought_back(self, client):
        code, made, headers = client("POST", "/v1/teams", {"name": "North"})
        path = f"/v1/teams/{made['id']}"
        assert (code, headers["Location"]) == (201, path)
        tag = {"If_Match": headers["ETag"]}
        _, changed, _ = client("PATCH", path, {"description": "Cold"}, **tag)

        assert (changed["description"], changed["version"]) == ("Cold", 2)
        assert client("DELETE", path, **tag)[0] == 412
        assert client("DELETE", path)[0] == 204
        assert client("GET", path)[0] == 404
        assert client("POST", f"{path}/restore")[0] == 200
        _, page, _ = client("GET", "/v1/teams?filter[name][contains]=nor")
        assert [each["id"] for each in page["data"]] == [made["id"]]

    def test_have_a_name_of_their_own_while_they_last(self, client, team):
        first = team("North")
        taken = 409, "duplicate_value"
        assert refusal(client("POST", "/v1/teams", {"name": "NORTH"})) == taken
        client("DELETE", f"/v1/teams/{first}")
        team("north")

        assert refusal(client("POST", f"/v1/teams/{first}/restore")) == taken

    def test_are_no_circle_and_not_too_deep(self, client, team):
        ids = [team("0")]
        for n in range(1, 10):
            ids.append(team(str(n), parent_id=ids[-1]))

        def patch(team_id, parent_id):
            payload = {"parent_id": parent_id}
            return refusal(client("PATCH", f"/v1/teams/{team_id}", payload))

        assert patch(ids[0], ids[9]) == patch(ids[0], ids[0]) == (409, "team_cycle")
        beyond = {"name": "x", "parent_id": ids[9]}
        assert refusal(client("POST", "/v1/teams", beyond)) == (409, "team_too_deep")
        assert client("GET", f"/v1/teams/{ids[0]}")[1]["parent_id"] is None
        assert refusal(client("DELETE", f"/v1/teams/{ids[3]}")) == (
            409,
            "team_parent_archived",
        )

    def test_that_race_make_no_circle(self, client, team):
        for n in range(5):
            pair = [team(f"a{n}"), team(f"b{n}")]
            ways = [pair, pair[::-1]]
            with ThreadPoolExecutor(2) as pool:
                codes = list(
                    pool.map(
                        lambda way: client(
                            "PATCH", f"/v1/teams/{way[0]}", {"parent_id": way[1]}
                        )[0],
                        ways,
                    )
                )

            assert sorted(codes) == [200, 409]

    def test_need_a_right(self, rep, team):
        other, team_id = rep(), team("North")
        missing = 403, "permission_missing"

        assert other("GET", f"/v1/teams/{team_id}")[0] == 200
        assert refusal(other("POST", "/v1/teams", {"name": "x"})) == missing
        path = f"/v1/teams/{team_id}/members/{other.user_id}"
        assert refusal(other("PUT", path)) == missing

    def test_refer_to_nobody_elsewhere(self, client, newcomer, team):
        stranger = newcomer()
        _, theirs, _ = stranger("POST", "/v1/teams", {"name": "Theirs"})
        stranger_id = stranger("GET", "/v1/me")[1]["id"]
        team_id = team("North")

        for payload in ({"parent_id": theirs["id"]}, {"lead_id": stranger_id}):
            code, answer, _ = client("PATCH", f"/v1/teams/{team_id}", payload)
            assert (code, answer["code"]) == (422, "reference_not_found")
        for path in (f"{team_id}/members/{stranger_id}", f"{theirs['id']}/members/x"):
            assert client("PUT", f"/v1/teams/{path}")[0] == 404

    def test_are_twenty_for_one_person(self, client, rep, team, put_in):
        other = rep()
        ids = [team(str(n)) for n in range(21)]
        for team_id in ids[:20]:
            put_in(team_id, other)
            put_in(team_id, other)
        path = f"/v1/teams/{ids[20]}/members/{other.user_id}"
        assert refusal(client("PUT", path)) == (409, "too_many_teams")

        put_in(ids[0], other, method="DELETE")
        put_in(ids[20], other)
        _, page, _ = client("GET", f"/v1/users?filter[team_ids]={ids[20]}")
        assert [each["id"] for each in page["data"]] == [other.user_id]

    def test_are_joined_and_left_under_keys_of_their_own(self, client, rep, team):
        user_id, key = rep().user_id, {"Idempotency_Key": "one for all"}
        first, second = (f"/v1/teams/{team(name)}/members/{user_id}" for name in "AB")
        assert [client("PUT", first, **key)[0] for _ in range(2)] == [204, 204]

        for asked in (("PUT", second), ("DELETE", first)):
            refused = refusal(client(*asked, **key))
            assert refused == (422, "idempotency_key_reused")


class TestSight:
    def test_is_that_of_a_team(self, rep, team, put_in, becomes):
        ann, bob, eve = rep(), rep(), rep()
        before = make_contact(ann)
        assert bob("GET", f"/v1/contacts/{before['id']}")[0] == 404
        team_id = team("North")
        put_in(team_id, ann, bob)
        # Whoever sees it has to have been told by then that they are in a team.
        made = _made_by_team(ann, team_id)

        becomes(bob, made["id"], seen=True)
        assert eve("GET", f"/v1/contacts/{made['id']}")[0] == 404
        assert bob("GET", f"/v1/contacts/{before['id']}")[0] == 404
        patch = {"last_name": "Changed"}
        assert bob("PATCH", f"/v1/contacts/{made['id']}", patch)[0] == 404
        assert ann("PATCH", f"/v1/contacts/{before['id']}", {"team_ids": [team_id]})[
            0
        ] == (200)
        becomes(bob, before["id"], seen=True)
        put_in(team_id, bob, method="DELETE")
        becomes(bob, made["id"], seen=False)

    def test_agrees_everywhere(self, rep, team, put_in, status, becomes):
        ann, bob = rep(), rep()
        team_id = team("North")
        put_in(team_id, ann, bob)
        told = _made_by_team(ann, team_id)
        made = [make_contact(ann, last_name=f"Zeta{n}") for n in range(3)]
        make_contact(ann, last_name="Zeta", team_ids=[])
        becomes(bob, made[-1]["id"], seen=True)
        found = {each["id"] for each in made}
        ids = {*found, told["id"]}

        _, page, _ = bob("GET", "/v1/contacts?include=count")
        assert {each["id"] for each in page["data"]} == ids
        assert page["page"]["count"] == len(ids)
        _, answer, _ = bob("GET", "/v1/search?q=zeta")
        assert {each["id"] for each in answer["hits"]} == found
        only = {"after": 0, "types": "customer.contact_created"}
        with Stream(status["gateway"], bob.token, **only) as stream:
            streamed = {stream.next_event()[2]["aggregate"]["id"] for _ in ids}
        assert streamed == ids

    def test_follows_the_tree(self, client, rep, team, put_in, becomes):
        boss, ann, bob = rep(), rep(), rep()
        top = team("Top", lead_id=boss.user_id)
        north, south = team("North", parent_id=top), team("South", parent_id=top)
        put_in(north, ann)
        put_in(south, bob)
        made = _made_by_team(ann, north)

        becomes(boss, made["id"], seen=True)
        assert bob("GET", f"/v1/contacts/{made['id']}")[0] == 404
        client("PATCH", f"/v1/teams/{north}", {"parent_id": None})
        becomes(boss, made["id"], seen=False)
        client("PATCH", f"/v1/teams/{south}", {"lead_id": ann.user_id})
        client("PATCH", f"/v1/teams/{north}", {"parent_id": south})
        becomes(boss, made["id"], seen=True)
        client("DELETE", f"/v1/teams/{north}")
        becomes(boss, made["id"], seen=False)
        client("POST", f"/v1/teams/{north}/restore")
        becomes(boss, made["id"], seen=True)

    def test_ends_on_streams_too(self, rep, team, put_in, status, until):
        ann, bob = rep(), rep()
        team_id = team("North")
        put_in(team_id, ann, bob)
        _made_by_team(bob, team_id)
        hidden, ended = _made_by_team(ann, team_id), threading.Event()
        with Stream(status["gateway"], bob.token, after=0) as stream:
            while stream.next_event()[2]["aggregate"]["id"] != hidden["id"]:
                pass
            thread = threading.Thread(
                target=lambda: [*stream, ended.set()], daemon=True
            )
            thread.start()
            put_in(team_id, bob, method="DELETE")
            until(ended.is_set, EFFECTIVE_S)
            thread.join()
        make_contact(ann)
        own = make_contact(bob)
        seen = []
        with Stream(status["gateway"], bob.token, after=0) as stream:
            while own["id"] not in seen:
                seen.append(stream.next_event()[2]["aggregate"]["id"])

        assert hidden["id"] not in seen

    def test_is_given_by_whom_all_is_permitted(self, client, rep, team, put_in):
        ann, team_id = rep(), team("North")
        put_in(team_id, ann)
        named = {"team_ids": [team_id]}
        made = make_contact(client, **named)
        _, lead, _ = client("POST", "/v1/leads", {"company": "Li", **named})
        path = f"/v1/contacts/{make_contact(client)['id']}"
        code, moved, _ = client("PATCH", path, named)
        rows = [{"op": "create", "data": {"name": "Li", **named}}] * 2
        _, answer, _ = client("POST", "/v1/accounts/batch", {"operations": rows})

        assert made["team_ids"] == lead["team_ids"] == [team_id]
        assert (code, moved["team_ids"]) == (200, [team_id])
        assert [each["status"] for each in answer["results"]] == [201, 201]

    def test_is_of_live_teams_of_the_organization(self, client, newcomer, team):
        elsewhere = newcomer()("POST", "/v1/teams", {"name": "North"})[1]["id"]
        gone, there = team("South"), team("East")
        client("DELETE", f"/v1/teams/{gone}")
        refused = 422, "reference_not_found"
        for ids in ([elsewhere], [gone], [there, gone]):
            payload = {"last_name": "Li", "team_ids": ids}
            assert refusal(client("POST", "/v1/contacts", payload)) == refused
            lead = {"company": "Li", "team_ids": ids}
            assert refusal(client("POST", "/v1/leads", lead)) == refused

    def test_cannot_be_given_to_teams_that_one_does_not_see(self, rep, team):
        ann, team_id = rep(), team("North")
        code, answer, _ = ann(
            "POST", "/v1/contacts", {"last_name": "Li", "team_ids": [team_id]}
        )

        assert (code, answer["code"]) == (422, "reference_not_found")
        assert [each["field"] for each in answer["errors"]] == ["team_ids"]
        code, answer, _ = ann(
            "POST", "/v1/leads", {"company": "Li", "team_ids": [team_id]}
        )
        assert (code, answer["code"]) == (422, "reference_not_found")

    def test_of_a_hundred_teams_fits_a_token(self, rep, team):
        boss = rep()
        top = team("Top", lead_id=boss.user_id)
        for n in range(104):
            team(f"{n:03}", parent_id=top)
        refresh = {"refresh_token": boss.tokens["refresh_token"]}
        code, tokens, _ = boss("POST", "/v1/auth/refresh", refresh)
        assert code == 200
        boss.token = tokens["access_token"]

        assert len(boss.token) < 8_192 * 0.6
        assert boss("GET", "/v1/contacts")[0] == 200


def _made_by_team(who, team_id, **fields):
    """A contact that somebody makes as soon as they are in the team."""

    def made():
        contact = make_contact(who, **fields)
        if contact["team_ids"] == [team_id]:
            return contact
        who("DELETE", f"/v1/contacts/{contact['id']}")
        return None

    return until(made, pause_s=0.01)
