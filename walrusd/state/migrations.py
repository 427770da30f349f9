"""The tables, as a list of steps. A step that has shipped is never edited; new ones are appended.

``PRAGMA user_version`` is the number of steps a file has been through.
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE journal (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at_ms INTEGER NOT NULL,
            subject TEXT NOT NULL,
            kind TEXT NOT NULL,
            decision TEXT NOT NULL,
            reason TEXT NOT NULL,
            fields TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX journal_subject ON journal (subject, id)",
        """
        CREATE TABLE actions (
            identity TEXT NOT NULL,
            key TEXT NOT NULL,
            payload BLOB NOT NULL,
            done INTEGER NOT NULL CHECK (done IN (0, 1)),
            PRIMARY KEY (identity, key)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE key_value (
            namespace TEXT NOT NULL,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (namespace, key)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE work (
            service TEXT NOT NULL,
            key TEXT NOT NULL,
            added INTEGER NOT NULL,
            state TEXT NOT NULL,
            PRIMARY KEY (service, key)
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        """
        CREATE TABLE chain_events (
            checkpoint INTEGER NOT NULL,
            tx INTEGER NOT NULL,
            position INTEGER NOT NULL,
            digest TEXT NOT NULL,
            name TEXT NOT NULL,
            subject TEXT NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (checkpoint, tx, position)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX chain_events_subject ON chain_events (name, subject)",
        """
        CREATE TABLE known_objects (
            kind TEXT NOT NULL,
            id TEXT NOT NULL PRIMARY KEY,
            parent TEXT NOT NULL,
            ended INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1))
        ) STRICT
        """,
        "CREATE INDEX known_objects_kind ON known_objects (kind, parent)",
    ),
    (
        # The party of an event is read from its BCS body, where the fields before it have a fixed
        # length. Computed columns also cover existing rows.
        """
        ALTER TABLE chain_events ADD COLUMN party BLOB AS (
            CASE name
                WHEN 'SubmissionJoined' THEN substr(body, 65, 32)
                WHEN 'SeatRegistered' THEN substr(body, 49, 32)
                WHEN 'SeatWithdrawn' THEN substr(body, 49, 32)
            END
        ) VIRTUAL
        """,
        """
        ALTER TABLE chain_events ADD COLUMN task BLOB AS (
            CASE WHEN name IN ('SubmissionJoined', 'SubmissionEnded') THEN substr(body, 1, 32) END
        ) VIRTUAL
        """,
        "CREATE INDEX chain_events_party ON chain_events (name, party) WHERE party IS NOT NULL",
        "CREATE INDEX chain_events_task ON chain_events (name, task) WHERE task IS NOT NULL",
        "CREATE INDEX chain_events_about ON chain_events (subject)",
        "CREATE INDEX chain_events_digest ON chain_events (digest)",
    ),
)
