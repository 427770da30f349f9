"""What a daemon keeps on its disk: one SQLite file (decisions, guard, records), and other files."""

from walrusd.state.database import Database
from walrusd.state.journal import Journal, JournalEntry
from walrusd.state.protection import Begun, Protection
from walrusd.state.stores import KeyValue, Work, WorkItem

__all__ = [
    "Begun",
    "Database",
    "Journal",
    "JournalEntry",
    "KeyValue",
    "Protection",
    "Work",
    "WorkItem",
]
