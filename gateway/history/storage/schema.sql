-- The sealed history. What stands here in the clear: tags of meters, times on a fixed grid, counts.
-- Deletions are explicit, and made by the retention only: no foreign keys, whose indexes cost a third.

-- The household's key pair: the private half only wrapped. device_key_id names the device key that is
-- needed beside the password, and made the mac. by_household is what a recovery by code needs: the gateway
-- secret and the key of the macs, under a key of the private half.
CREATE TABLE household (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    suite            TEXT    NOT NULL,
    public_key       BLOB    NOT NULL,
    memory_kib       INTEGER NOT NULL,
    iterations       INTEGER NOT NULL,
    lanes            INTEGER NOT NULL,
    by_password      BLOB    NOT NULL,
    by_recovery_code BLOB    NOT NULL,
    by_household     BLOB    NOT NULL,
    device_key_id    BLOB    NOT NULL,
    mac              BLOB    NOT NULL,
    made_at          INTEGER NOT NULL,
    renewed_at       INTEGER NOT NULL
) STRICT;

-- The numbers of the household's meters, sealed; found by the tag of one of them.
CREATE TABLE meters_record (
    meter_tag BLOB    PRIMARY KEY,
    sealed    BLOB    NOT NULL,
    made_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One data key for each meter, local day and start of the daemon. Each record names the one before it
-- (of the same meter) and what was sealed under that one when it was closed; mac authenticates it all
-- under the device key. trace_removed_at is set, with its own mac, when retention removed the trace.
CREATE TABLE data_key (
    id                     INTEGER PRIMARY KEY,
    meter_tag              BLOB    NOT NULL,
    day                    INTEGER NOT NULL,
    suite                  TEXT    NOT NULL,
    sealed                 BLOB    NOT NULL,
    previous_id            INTEGER,
    previous_rows          INTEGER NOT NULL,
    previous_blocks        INTEGER NOT NULL,
    previous_rows_digest   BLOB    NOT NULL,
    previous_blocks_digest BLOB    NOT NULL,
    mac                    BLOB    NOT NULL,
    trace_removed_at       INTEGER,
    removal_mac            BLOB
) STRICT;
CREATE INDEX data_key_of_meter ON data_key (meter_tag, day);

-- What retention took away from the beginning of a meter's chain: all before this data key.
CREATE TABLE first_kept (
    meter_tag   BLOB    PRIMARY KEY,
    data_key_id INTEGER NOT NULL,
    removed_at  INTEGER NOT NULL,
    mac         BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE profile_row (
    id          INTEGER PRIMARY KEY,
    data_key_id INTEGER NOT NULL,
    period      INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    sealed      BLOB    NOT NULL
) STRICT;
CREATE INDEX profile_row_of_period ON profile_row (period, ends_at);
CREATE INDEX profile_row_of_key ON profile_row (data_key_id);

CREATE TABLE trace_block (
    id          INTEGER PRIMARY KEY,
    data_key_id INTEGER NOT NULL,
    starts_at   INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    sealed      BLOB    NOT NULL
) STRICT;
CREATE INDEX trace_block_of_time ON trace_block (starts_at);

-- What the daemon must remember over a restart, hidden under the gateway secret. With a rowid: without, what
-- is longer than a quarter of a page is written to a second one at each flush.
CREATE TABLE daemon_state (
    name   TEXT PRIMARY KEY,
    hidden BLOB NOT NULL
) STRICT;
