-- The sealed history. What stands here in the clear: tags of meters, times on a fixed grid, counts.

-- The household's key pair: the private half only wrapped.
CREATE TABLE household (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    suite            TEXT    NOT NULL,
    public_key       BLOB    NOT NULL,
    memory_kib       INTEGER NOT NULL,
    iterations       INTEGER NOT NULL,
    lanes            INTEGER NOT NULL,
    by_password      BLOB    NOT NULL,
    by_recovery_code BLOB    NOT NULL,
    made_at          INTEGER NOT NULL
) STRICT;

-- The numbers of the household's meters, sealed; found by the tag of one of them.
CREATE TABLE meters_record (
    meter_tag BLOB    PRIMARY KEY,
    sealed    BLOB    NOT NULL,
    made_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One data key for each meter, local day and start of the daemon. Each record names the one before
-- it (of the same meter) and how much was sealed under that one; mac authenticates it all.
CREATE TABLE data_key (
    id             INTEGER PRIMARY KEY,
    meter_tag      BLOB    NOT NULL,
    day            INTEGER NOT NULL,
    sealed         BLOB    NOT NULL,
    previous_id    INTEGER,
    previous_count INTEGER NOT NULL,
    mac            BLOB    NOT NULL
) STRICT;
CREATE INDEX data_key_of_meter ON data_key (meter_tag, day);

CREATE TABLE profile_row (
    id          INTEGER PRIMARY KEY,
    data_key_id INTEGER NOT NULL REFERENCES data_key ON DELETE CASCADE,
    period      TEXT    NOT NULL,
    ends_at     INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    sealed      BLOB    NOT NULL
) STRICT;
CREATE INDEX profile_row_of_period ON profile_row (period, ends_at);
CREATE INDEX profile_row_of_key ON profile_row (data_key_id);

CREATE TABLE trace_block (
    id          INTEGER PRIMARY KEY,
    data_key_id INTEGER NOT NULL REFERENCES data_key ON DELETE CASCADE,
    starts_at   INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    sealed      BLOB    NOT NULL
) STRICT;
CREATE INDEX trace_block_of_time ON trace_block (starts_at);
CREATE INDEX trace_block_of_key ON trace_block (data_key_id);

-- What the daemon must remember over a restart, hidden under the device key.
CREATE TABLE daemon_state (
    name   TEXT PRIMARY KEY,
    hidden BLOB NOT NULL
) STRICT, WITHOUT ROWID;
