"""What MongoDB does for the queries that lists send."""

from pymongo.monitoring import CommandListener

from chassis.context import operator_context

__all__ = ["FINDS", "context_of", "cost_of", "explained"]


class Finds(CommandListener):
    """Remembers the last ``find`` and the last count that were sent.

    Attributes:
        asked: The collections in which anything was looked for, in order.
        looks: How many counts and other aggregations there were.
    """

    def __init__(self):
        self.asked = []
        self.looks = 0

    def started(self, event):
        if event.command_name in {"find", "aggregate", "findAndModify"}:
            self.asked.append(event.command[event.command_name])
        if event.command_name == "aggregate":
            self.looks += 1
            self.hint = event.command.get("hint", {})
        if event.command_name == "find":
            names = {"find", "filter", "sort", "limit", "hint"}
            self.last = {n: event.command[n] for n in event.command if n in names}

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


FINDS = Finds()


def context_of(org_id, caller=None):
    """The operator's, or as somebody has it who may do less."""
    context = operator_context(org_id)
    context.caller = caller
    return context


def cost_of(rows, parameters, fields=(), within=None):
    """What MongoDB does for a page: its stages, keys and documents read, rows."""
    rows.page(parameters, fields, within)
    return explained(rows)


def explained(rows):
    """The same of the last ``find``."""
    found = rows._database.command("explain", FINDS.last, verbosity="executionStats")
    stats = found["executionStats"]
    return (
        set(_stages(stats["executionStages"])),
        stats["totalKeysExamined"],
        stats["totalDocsExamined"],
        stats["nReturned"],
    )


def _stages(stage):
    yield stage["stage"]
    for child in (stage.get("inputStage"), *stage.get("inputStages", ())):
        if child:
            yield from _stages(child)
