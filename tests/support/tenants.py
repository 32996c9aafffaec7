"""What the description says about ids, and records to have ids of."""

import json
import re
import uuid
from pathlib import Path

from waiting import until

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "gateway_flask/openapi.json").read_text())
METHODS = ("get", "post", "patch", "put", "delete")
# Another process of the gateway may not have heard yet of a change.
UNCACHED = {"Cache_Control": "no-cache"}
# What a field or filter of this name refers to.
REFERENCES = {
    "account_id": "account",
    "contact_id": "contact",
    "event_id": "event",
    "ids": "contact",
    "in_reply_to": "interaction",
    "lead_id": "lead",
    "mentions": "person",
    "operation_id": "operation",
    "thread_id": "interaction",
    "team_ids": "team",
    "owner_id": "person",
    "org_id": "org",
    "parent_id": "account",
    "person_id": "person",
    "user_id": "user",
}
# Named like ids, but chosen by whoever writes.
NO_REFERENCES = {"external_ids", "external_id"}


def resolved(part):
    while "$ref" in part:
        name, part = part["$ref"], DOCUMENT
        for word in name.removeprefix("#/").split("/"):
            part = part[word]
    return part


class Operation:
    """One operation of the description."""

    def __init__(self, method, path):
        self.method = method
        self.path = path
        self._described = DOCUMENT["paths"][path][method]
        self.name = self._described["operationId"]
        self.is_batch = path.endswith("/batch")
        self.is_public = self._described["security"] == []
        self.parameters = [
            resolved(each) for each in self._described.get("parameters", [])
        ]
        self.nouns = re.findall(r"\{(\w+)_id\}", path)

    @property
    def noun(self):
        """What its records are called, from the path of a single one."""
        return NOUNS.get(self.path.removesuffix("/batch"))

    @property
    def takes_if_match(self):
        return any(each["name"] == "If-Match" for each in self.parameters)

    def _content(self):
        body = self._described.get("requestBody", {})
        return body.get("content", {}).get("application/json", {})

    def example(self):
        return self._content().get("example")

    def references(self):
        """The dotted paths of all ids in its body, each list's place being 0."""
        found = _ids(self._content().get("schema", {}), ())
        return sorted({".".join(each) for each in found})


def _ids(schema, path):
    schema = resolved(schema)
    name = next((each for each in reversed(path) if each != "0"), "")
    if (is_id(schema) or name.endswith(("_id", "_ids"))) and name not in NO_REFERENCES:
        yield path
        return
    for member, part in schema.get("properties", {}).items():
        yield from _ids(part, (*path, member))
    for part in (each for key in ("allOf", "anyOf") for each in schema.get(key, ())):
        yield from _ids(part, path)
    if "items" in schema:
        yield from _ids(schema["items"], (*path, "0"))


def is_id(schema):
    return resolved(schema).get("format") == "uuid"


OPERATIONS = [
    Operation(method, path)
    for path, methods in DOCUMENT["paths"].items()
    for method in METHODS
    if method in methods
]
NOUNS = {
    path.rpartition("/")[0]: found[1]
    for path in DOCUMENT["paths"]
    if (found := re.search(r"/\{(\w+)_id\}$", path))
}
# What is only listed.
NOUNS["/v1/audit-log"] = "audit_entry"
PATHS = {noun: path for path, noun in NOUNS.items()}


def referred(name):
    """The noun that a field refers to.

    Raises:
        AssertionError: Nobody has said so yet.
    """
    assert name in REFERENCES, f"say in tests/support/tenants.py what {name} refers to"
    return REFERENCES[name]


class Tenant:
    """An organization that makes whatever an id is needed of."""

    def __init__(self, client, recruit):
        self.client = client
        self._recruit = recruit
        self.made = set()
        self._kept = {}
        self._account = None
        self._segment = "snapshot"

    def ask(self, method, path, payload=None, **headers):
        code, answer, fields = self.client(method, path, payload, **headers)
        assert code < 400, (method, path, payload, answer)
        return answer, fields

    def an(self, noun):
        """The id of some live record of this kind."""
        if noun not in self._kept:
            self._kept[noun] = self.new(noun)[0]
        return self._kept[noun]

    def new(self, noun):
        """Id and entity tag of another one, if there can be several."""
        make = getattr(self, f"_new_{noun}", None) or self._created
        record_id, tag = make(noun)
        self.made.add(record_id)
        return record_id, tag

    def _created(self, noun):
        path = PATHS[noun]
        assert "post" in DOCUMENT["paths"][path], (
            f"say in tests/support/tenants.py how a {noun} is made"
        )
        payload = self.own(Operation("post", path).example())
        if "key" in payload:
            payload["key"] = f"x{uuid.uuid4().hex[:20]}"
        made, headers = self.ask("POST", path, payload)
        return made["id"], headers["ETag"]

    def _new_opportunity(self, _noun):
        lead, _ = self.new("lead")
        self.ask("POST", f"/v1/leads/{lead}/qualify")
        made, _ = self.ask("POST", f"/v1/leads/{lead}/convert", {})
        self.made |= set(made.values())
        return made["opportunity_id"], None

    def _new_delivery(self, _noun):
        """The welcome that was sent, as nothing else is sent yet."""
        rows = until(lambda: self.ask("GET", "/v1/deliveries")[0]["data"])
        return rows[0]["id"], None

    def _new_event(self, _noun):
        rows = until(lambda: self.ask("GET", "/v1/events?after=0")[0]["data"])
        return rows[0]["id"], None

    def _new_audit_entry(self, _noun):
        rows = until(lambda: self.ask("GET", "/v1/audit-log")[0]["data"])
        return rows[0]["id"], None

    def _new_person(self, _noun):
        return self.ask("GET", "/v1/me")[0]["id"], None

    def _new_session(self, _noun):
        """Another login of its owner, who goes on with the first one."""
        login = "POST", "/v1/auth/login", self.client.credentials
        until(lambda: self.client(*login)[0] == 200)
        rows = self.ask("GET", "/v1/sessions")[0]["data"]
        return rows[0]["id"], None

    def _new_invitation(self, _noun):
        payload = {"email": f"{uuid.uuid4().hex}@example.test", "roles": ["analyst"]}
        made, headers = self.ask("POST", "/v1/invitations", payload)
        return made["id"], headers["ETag"]

    def _new_user(self, _noun):
        user_id = self._recruit(self.client, "analyst").user_id
        return user_id, self.ask("GET", f"/v1/users/{user_id}")[1]["ETag"]

    def _new_service_account(self, _noun):
        payload = {"name": "A program", "roles": ["analyst"]}
        made, headers = self.ask("POST", "/v1/service-accounts", payload)
        self._account = made["id"]
        return made["id"], headers["ETag"]

    def _new_key(self, _noun):
        """Of the account that stands before it in the path."""
        path = f"/v1/service-accounts/{self._account}/keys"
        return self.ask("POST", path, {"name": "A key"})[0]["id"], None

    def _new_segment(self, _noun):
        """Of the kind that the operation at hand is for."""
        payload = {"resource": "contacts", "kind": self._segment}
        payload["name"] = f"Segment {uuid.uuid4().hex}"
        if self._segment != "manual":
            payload["definition"] = {"field": "source", "value": "nowhere"}
        made, _ = self.ask("POST", "/v1/segments", payload)
        path = f"/v1/segments/{made['id']}"
        until(lambda: self.ask("GET", path, **UNCACHED)[0]["status"] == "ready")
        return made["id"], self.ask("GET", path, **UNCACHED)[1]["ETag"]

    def _new_bulk_update(self, _noun):
        """One that is done, of a record of its own."""
        contact, _ = self.new("contact")
        payload = {
            "resource": "contacts",
            "filter": {"id": contact},
            "changes": {"job_title": "Analyst"},
        }
        made, _ = self.ask("POST", "/v1/bulk-updates", payload)
        path = f"/v1/bulk-updates/{made['id']}"
        until(lambda: self.ask("GET", path)[0]["status"] == "done")
        return made["id"], None

    def _new_operation(self, _noun):
        """What made a contact."""
        contact, _ = self.new("contact")
        history, _ = self.ask("GET", f"/v1/contacts/{contact}/history")
        return history["data"][0]["operation_id"], None

    def _new_team(self, _noun):
        payload = {"name": f"Team {uuid.uuid4().hex[:20]}"}
        made, headers = self.ask("POST", "/v1/teams", payload)
        return made["id"], headers["ETag"]

    def _new_org(self, _noun):
        return self.ask("GET", "/v1/orgs/current")[0]["id"], None

    def ready(self, operation):
        """The operation's path with a new id for which it would do something."""
        path, tag = operation.path, None
        self._segment = "manual" if "segment_members" in operation.name else "snapshot"
        for noun in operation.nouns:
            record_id, tag = self.new(noun)
            path = path.replace(f"{{{noun}_id}}", record_id)
        record = path.partition(f"/{operation.path.rpartition('/')[2]}")[0]
        if operation.path.endswith("/restore"):
            self.ask("DELETE", record)
            tag = None
        if operation.path.endswith("/convert"):
            tag = self.ask("POST", f"{record}/qualify")[1]["ETag"]
        return path, tag

    def own(self, payload):
        """An example with ids of this organization in it."""
        return {
            name: self.an(referred(name))
            if name.endswith("_id")
            else [self.an(referred(name))]
            if name == "ids"
            else self.own(value)
            if isinstance(value, dict) and name != "external_ids"
            else value
            for name, value in payload.items()
        }
