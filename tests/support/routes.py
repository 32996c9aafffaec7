"""The gateway's routes as they are registered, with what each view is marked by."""

from flask import Flask

from gateway_flask.inputs import IdConverter
from gateway_flask.routes import BLUEPRINTS

__all__ = ["resource_views"]


def resource_views():
    """The views of ``gateway_flask.resources``: endpoint name and marks."""
    app = Flask("routes")
    app.url_map.converters["id"] = IdConverter
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for endpoint, view in app.view_functions.items():
        marks = vars(view).get("policy", {})
        if "rpc" in marks:
            yield endpoint, marks
