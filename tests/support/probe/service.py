"""The rpc role."""

import dataclasses

import eventlet

from chassis import inject
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.signing import CurrentContext
from probe.repository import Entry, EntryRepository, Journal, entry_event


class ProbeService:
    """Does as it is told."""

    name = "probe"

    context = inject(CurrentContext())
    entries = inject(Repositories(EntryRepository))
    journal = inject(Repositories(Journal))

    @rpc(public=True)
    def echo(self, *, value=None):
        """Give the value back."""
        return value

    @rpc(public=True)
    def sleep_for(self, *, seconds, key):
        """Be at work for a while."""
        self.journal.start("sleep_for", key)
        eventlet.sleep(seconds)
        return key

    @rpc(public=True)
    def nap(self, *, seconds):
        """Be at work for a while, and leave no trace."""
        eventlet.sleep(seconds)

    @rpc(public=True)
    def add_entry(self, *, org_id, entry_id, lingers_s=0):
        """Store an entry with its event; linger before the answer."""
        self.journal.start("add_entry", entry_id)
        self.context.org_id = org_id
        entry = Entry(id=entry_id)
        version = self.entries.add(entry, entry_event("added", entry)).version
        eventlet.sleep(lingers_s)
        return version

    @rpc(public=True)
    def change_entry(self, *, org_id, entry_id, lingers_s=0):
        """Count an entry up; linger before the answer."""
        self.journal.start("change_entry", entry_id)
        self.context.org_id = org_id
        entry = self.entries.change(
            entry_id,
            lambda before: dataclasses.replace(before, number=before.number + 1),
            lambda _, after: entry_event("changed", after),
        )
        eventlet.sleep(lingers_s)
        return entry.number
