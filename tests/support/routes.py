"""The gateway's routes as they are registered, with what each view is marked by."""

from flask import Flask

from gateway_flask.inputs import IdConverter
from gateway_flask.routes import BLUEPRINTS

__all__ = ["addresses", "resource_views"]


def addresses():
    """Each route's method and rule, such as ``GET /v1/leads/<id:lead_id>``."""
    rules = _registered().url_map.iter_rules()
    return sorted(
        (method, rule.rule)
        for rule in rules
        for method in rule.methods - {"HEAD", "OPTIONS"}
    )


def resource_views():
    """The views of ``gateway_flask.resources``: endpoint name and marks."""
    for endpoint, view in _registered().view_functions.items():
        marks = vars(view).get("policy", {})
        if "rpc" in marks:
            yield endpoint, marks


def _registered():
    app = Flask("routes", static_folder=None)
    app.url_map.converters["id"] = IdConverter
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
