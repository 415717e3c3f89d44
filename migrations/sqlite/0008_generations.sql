-- Replays: what is built beside what counts (a generation, in units of an hour), and the movements of live pointers
-- (promotions). The same bytes may come of other clicks, rulings or code, so a segment's identity is that of its
-- receipt, (projection, hour, input, code), and no longer its key. A live pointer says which generation it comes from and
-- which verdicts it knows, because hours that know all of them stand beside hours that know those of the live judge
-- alone. Later rulings keep the page of the verdict log that they were read in, so that those which a pointer knows can
-- be told from those which it does not.

CREATE TABLE old_segments AS SELECT * FROM segments;
CREATE TABLE old_live_segments AS SELECT * FROM live_segments;
CREATE TABLE old_later_rulings AS SELECT * FROM later_rulings;
DROP TABLE live_segments;
DROP TABLE segments;
DROP TABLE later_rulings;

CREATE TABLE segments (
    projection      TEXT    NOT NULL,
    hour            INTEGER NOT NULL,
    input_digest    TEXT    NOT NULL,
    code_digest     TEXT    NOT NULL,
    output_digest   TEXT    NOT NULL,
    segment_key     TEXT    NOT NULL,
    bytes           INTEGER NOT NULL,
    rows            INTEGER NOT NULL,
    verdicts_before INTEGER NOT NULL, -- a position in the verdict log, 0 for none
    sealed          INTEGER NOT NULL, -- 1: what the hour counts from unless another one is promoted
    CONSTRAINT segments_pk PRIMARY KEY (projection, hour, input_digest, code_digest),
    CONSTRAINT segments_sealed_is_a_flag CHECK (sealed IN (0, 1)),
    CONSTRAINT segments_hour_fk FOREIGN KEY (hour) REFERENCES hours (hour)
) STRICT;

CREATE UNIQUE INDEX segments_sealed_once ON segments (projection, hour) WHERE sealed = 1;

CREATE TABLE live_segments (
    projection   TEXT    NOT NULL,
    hour         INTEGER NOT NULL,
    input_digest TEXT    NOT NULL,
    code_digest  TEXT    NOT NULL,
    generation   TEXT    NOT NULL, -- empty: it was sealed
    knows_before INTEGER NOT NULL, -- it knows all verdicts before this position; 0: those of the live judge alone
    CONSTRAINT live_segments_pk PRIMARY KEY (projection, hour),
    CONSTRAINT live_segments_knowledge_is_promoted CHECK ((generation = '') = (knows_before = 0)),
    CONSTRAINT live_segments_segment_fk FOREIGN KEY (projection, hour, input_digest, code_digest)
        REFERENCES segments (projection, hour, input_digest, code_digest)
) STRICT;

INSERT INTO segments (projection, hour, input_digest, code_digest, output_digest, segment_key, bytes, rows,
    verdicts_before, sealed)
SELECT s.projection, s.hour, s.input_digest, s.code_digest, s.output_digest, s.segment_key, s.bytes, s.rows,
    s.verdicts_before, 1
FROM old_segments s JOIN old_live_segments l ON l.segment_key = s.segment_key;

INSERT INTO live_segments (projection, hour, input_digest, code_digest, generation, knows_before)
SELECT projection, hour, input_digest, code_digest, '', 0 FROM segments;

-- Those that do not count.
INSERT INTO segments (projection, hour, input_digest, code_digest, output_digest, segment_key, bytes, rows,
    verdicts_before, sealed)
SELECT s.projection, s.hour, s.input_digest, s.code_digest, s.output_digest, s.segment_key, s.bytes, s.rows,
    s.verdicts_before, 0
FROM old_segments s
WHERE NOT EXISTS (SELECT 1 FROM old_live_segments l WHERE l.segment_key = s.segment_key)
ON CONFLICT (projection, hour, input_digest, code_digest) DO NOTHING;

-- By the frame of the click log, because its hour may not be sealed yet.
CREATE TABLE later_rulings (
    click_seq      INTEGER NOT NULL,
    first_position INTEGER NOT NULL, -- positions in the verdict log
    last_position  INTEGER NOT NULL,
    verdicts       INTEGER NOT NULL,
    CONSTRAINT later_rulings_pk PRIMARY KEY (click_seq, first_position),
    CONSTRAINT later_rulings_in_order CHECK (last_position >= first_position AND verdicts >= 1)
) STRICT;

INSERT INTO later_rulings (click_seq, first_position, last_position, verdicts)
SELECT click_seq, first_position, last_position, verdicts FROM old_later_rulings;

DROP TABLE old_segments;
DROP TABLE old_live_segments;
DROP TABLE old_later_rulings;

CREATE TABLE generations (
    generation      TEXT    NOT NULL, -- the beginning of the plan's digest
    projection      TEXT    NOT NULL,
    code_digest     TEXT    NOT NULL,
    candidate_sql   TEXT    NOT NULL, -- empty: the program's own
    from_hour       INTEGER NOT NULL,
    to_hour         INTEGER NOT NULL, -- inclusive
    clicks_before   INTEGER NOT NULL, -- 0: all clicks of each hour
    verdicts_before INTEGER NOT NULL,
    plan            TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    created_at      INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    created_by      TEXT    NOT NULL,
    changed_at      INTEGER NOT NULL,
    CONSTRAINT generations_pk PRIMARY KEY (generation),
    CONSTRAINT generations_state_known CHECK (state IN ('building', 'built', 'failed', 'aborted', 'promoted'))
) STRICT;

CREATE INDEX generations_by_time ON generations (created_at, generation);

CREATE TABLE units (
    generation         TEXT    NOT NULL,
    hour               INTEGER NOT NULL,
    manifest_digest    TEXT    NOT NULL,
    rows               INTEGER NOT NULL,
    bytes              INTEGER NOT NULL,
    -- What counted when it was planned. No digests: the hour had no live segment.
    base_input_digest  TEXT    NOT NULL,
    base_code_digest   TEXT    NOT NULL,
    base_output_digest TEXT    NOT NULL,
    base_generation    TEXT    NOT NULL,
    base_knows_before  INTEGER NOT NULL,
    state              TEXT    NOT NULL,
    attempt            INTEGER NOT NULL,
    attempts_before    INTEGER NOT NULL, -- those that were made before it was released last
    worker             TEXT    NOT NULL,
    leased_until       INTEGER NOT NULL,
    begun_at           INTEGER NOT NULL,
    ended_at           INTEGER NOT NULL,
    error              TEXT    NOT NULL,
    -- What came out, empty until it did. It stays if the unit is taken again: the same must come out.
    input_digest       TEXT    NOT NULL,
    output_digest      TEXT    NOT NULL,
    segment_key        TEXT    NOT NULL,
    segment_bytes      INTEGER NOT NULL,
    segment_rows       INTEGER NOT NULL,
    verdicts_before    INTEGER NOT NULL,
    read_events        INTEGER NOT NULL,
    read_billable      INTEGER NOT NULL,
    read_micros        TEXT    NOT NULL, -- as text, because sums of money have more than 64 bits
    written_events     INTEGER NOT NULL,
    written_billable   INTEGER NOT NULL,
    written_micros     TEXT    NOT NULL,
    reused             INTEGER NOT NULL,
    CONSTRAINT units_pk PRIMARY KEY (generation, hour),
    CONSTRAINT units_state_known CHECK (state IN ('waiting', 'leased', 'done', 'failed')),
    CONSTRAINT units_done_have_output CHECK (state <> 'done' OR output_digest <> ''),
    CONSTRAINT units_generation_fk FOREIGN KEY (generation) REFERENCES generations (generation)
) STRICT;

-- The largest first, of those that may be taken.
CREATE INDEX units_to_do ON units (generation, rows DESC, hour) WHERE state IN ('waiting', 'leased');

-- The same input and code give the same bytes, in whichever generation.
CREATE INDEX units_by_input ON units (hour, input_digest);

CREATE TABLE promotions (
    number     INTEGER NOT NULL, -- from 1, without a hole
    projection TEXT    NOT NULL,
    generation TEXT    NOT NULL,
    moved      TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    hours      INTEGER NOT NULL,
    CONSTRAINT promotions_pk PRIMARY KEY (number),
    CONSTRAINT promotions_moved_known CHECK (moved IN ('promote', 'rollback')),
    CONSTRAINT promotions_generation_fk FOREIGN KEY (generation) REFERENCES generations (generation)
) STRICT;

-- From what to what a pointer was moved. No digests: there was none, or is none.
CREATE TABLE promotion_hours (
    number              INTEGER NOT NULL,
    projection          TEXT    NOT NULL,
    hour                INTEGER NOT NULL,
    manifest_digest     TEXT    NOT NULL,
    before_input_digest TEXT    NOT NULL,
    before_code_digest  TEXT    NOT NULL,
    before_generation   TEXT    NOT NULL,
    before_knows_before INTEGER NOT NULL,
    after_input_digest  TEXT    NOT NULL,
    after_code_digest   TEXT    NOT NULL,
    after_generation    TEXT    NOT NULL,
    after_knows_before  INTEGER NOT NULL,
    CONSTRAINT promotion_hours_pk PRIMARY KEY (projection, hour, number),
    CONSTRAINT promotion_hours_number_fk FOREIGN KEY (number) REFERENCES promotions (number)
) STRICT;

CREATE INDEX promotion_hours_by_number ON promotion_hours (number, hour);
