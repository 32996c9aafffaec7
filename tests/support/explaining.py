"""What MongoDB does for the queries that lists send."""

from pymongo.monitoring import CommandListener

__all__ = ["FINDS", "explained"]


class Finds(CommandListener):
    """Remembers the last ``find`` and the last count that were sent."""

    looks = 0

    def started(self, event):
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


def explained(database):
    """What the last ``find`` costs: its stages, keys and documents read, rows."""
    found = database.command("explain", FINDS.last, verbosity="executionStats")
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
