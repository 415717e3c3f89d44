-- Sealed hours and what counts from them: a mirror of the manifests and segments in the object store, kept here
-- because "which segments are live?" must be answered and changed in one transaction. All of it can be rebuilt.

CREATE TABLE hours (
    hour            INTEGER NOT NULL, -- whole hours since 1970-01-01T00:00:00Z
    first_seq       INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL,
    epoch           INTEGER NOT NULL,
    rows            INTEGER NOT NULL,
    parts           INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    manifest_digest TEXT NOT NULL,
    CONSTRAINT hours_pk PRIMARY KEY (hour),
    -- A quiet hour has first_seq = last_seq + 1.
    CONSTRAINT hours_frames_in_order CHECK (first_seq >= 1 AND last_seq >= first_seq - 1),
    CONSTRAINT hours_epoch_in_range CHECK (epoch BETWEEN 1 AND 127)
) STRICT;

CREATE TABLE segments (
    segment_key     TEXT NOT NULL,
    projection      TEXT NOT NULL,
    hour            INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    rows            INTEGER NOT NULL,
    input_digest    TEXT NOT NULL,
    code_digest     TEXT NOT NULL,
    output_digest   TEXT NOT NULL,
    verdicts_before INTEGER NOT NULL, -- a position in the verdict log, 0 for none
    CONSTRAINT segments_pk PRIMARY KEY (segment_key),
    -- What live_segments_segment_fk refers to: a pointer cannot lead to another hour's segment.
    CONSTRAINT segments_identity UNIQUE (projection, hour, segment_key),
    CONSTRAINT segments_hour_fk FOREIGN KEY (hour) REFERENCES hours (hour)
) STRICT;

CREATE TABLE live_segments (
    projection  TEXT NOT NULL,
    hour        INTEGER NOT NULL,
    segment_key TEXT NOT NULL,
    CONSTRAINT live_segments_pk PRIMARY KEY (projection, hour),
    CONSTRAINT live_segments_segment_fk FOREIGN KEY (projection, hour, segment_key)
        REFERENCES segments (projection, hour, segment_key)
) STRICT;

-- What came of comparing a segment with the hot partials that it replaced: the standing proof that live numbers
-- were right, or the alarm that they were not.
CREATE TABLE reconciliations (
    projection  TEXT NOT NULL,
    hour        INTEGER NOT NULL,
    outcome     TEXT NOT NULL,
    sealed_rows INTEGER NOT NULL,
    hot_rows    INTEGER NOT NULL,
    detail      TEXT NOT NULL,
    compared_at INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    CONSTRAINT reconciliations_pk PRIMARY KEY (hour, projection),
    CONSTRAINT reconciliations_outcome_known CHECK (outcome IN ('equal', 'incomplete', 'different')),
    CONSTRAINT reconciliations_hour_fk FOREIGN KEY (hour) REFERENCES hours (hour)
) STRICT;
