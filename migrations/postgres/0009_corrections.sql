-- Corrections of facts are staged here: what is to be added to the log, and what is to be ruled. Nothing of it counts
-- before its correction is closed. A correction that is closed or reverted keeps its items, which say what was done.

CREATE TABLE corrections (
    correction      TEXT COLLATE "C" NOT NULL,
    reason          TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    opened_at       BIGINT NOT NULL,
    opened_by       TEXT   NOT NULL,
    changed_at      BIGINT NOT NULL,
    changed_by      TEXT   NOT NULL,
    clicks_from     BIGINT NOT NULL, -- its events lie in the click log from this frame on; 0 before it is closing
    verdicts_from   BIGINT NOT NULL, -- and its verdicts in their log; 0 before it is closing
    reverts_from    BIGINT NOT NULL, -- those that take them back; 0 before it is reverting
    CONSTRAINT corrections_pk PRIMARY KEY (correction),
    CONSTRAINT corrections_state_known CHECK (state IN ('open', 'closing', 'closed', 'reverting', 'reverted'))
);

CREATE TABLE correction_items (
    correction TEXT COLLATE "C" NOT NULL,
    kind       TEXT   NOT NULL,
    item_key   TEXT COLLATE "C" NOT NULL, -- what an event is known by, or the position of the event that is ruled about
    number     BIGINT NOT NULL, -- from 1, in the order in which they were added
    document   TEXT   NOT NULL, -- the event, or the ruling, as JSON
    CONSTRAINT correction_items_pk PRIMARY KEY (correction, kind, item_key),
    CONSTRAINT correction_items_number_once UNIQUE (correction, number),
    CONSTRAINT correction_items_kind_known CHECK (kind IN ('event', 'ruling')),
    CONSTRAINT correction_items_correction_fk FOREIGN KEY (correction) REFERENCES corrections (correction)
);
