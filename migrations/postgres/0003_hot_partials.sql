-- The counts of hours that are not sealed yet, one row a tick: the row is both the counts and the offset, so that
-- nothing is counted twice. The frames of the rows are contiguous and never overlap, which the program checks under
-- a lock; the key below is what remains if it should fail to.

CREATE TABLE hot_partials (
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL,
    hour      BIGINT NOT NULL, -- whole hours since 1970-01-01T00:00:00Z
    payload   BYTEA NOT NULL, -- rows of the counters projection, an Arrow IPC stream
    CONSTRAINT hot_partials_pk PRIMARY KEY (first_seq),
    CONSTRAINT hot_partials_last_seq_once UNIQUE (last_seq),
    CONSTRAINT hot_partials_frames_in_order CHECK (first_seq >= 1 AND last_seq >= first_seq)
);

CREATE INDEX hot_partials_by_hour ON hot_partials (hour, first_seq);
