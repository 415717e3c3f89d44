-- Invoices: under which terms an account is billed, which instants a period is, what was drafted, and what was issued.
-- Texts of drafts and documents are in the archive; what lists and reviews need stands here. Nothing of this mirrors
-- anything, and money hangs on it, so the database itself refuses to change what is final: terms, the instants of a
-- period, and whatever was issued. Numbers of a series have no gap because each row refers to the one before it.

-- Under which terms an account is billed; advertiser_id '' is the seller. A version is never edited.
CREATE TABLE terms (
    advertiser_id TEXT COLLATE "C" NOT NULL,
    version       BIGINT NOT NULL, -- from 1, without a hole
    valid_from    TEXT COLLATE "C" NOT NULL, -- YYYY-MM-DD
    text          TEXT   NOT NULL, -- canonical JSON
    text_digest   TEXT   NOT NULL,
    created_at    BIGINT NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    created_by    TEXT   NOT NULL,
    row_digest    TEXT   NOT NULL,
    CONSTRAINT terms_pk PRIMARY KEY (advertiser_id, version),
    CONSTRAINT terms_versions_from_one CHECK (version >= 1)
);

CREATE INDEX terms_by_validity ON terms (advertiser_id, valid_from, version);

-- A month or week in a zone, frozen as two instants: a later edition of the zones' rules does not move it.
CREATE TABLE periods (
    period     TEXT COLLATE "C" NOT NULL, -- 2026-03, 2026-W10
    zone       TEXT COLLATE "C" NOT NULL,
    cycle      TEXT COLLATE "C" NOT NULL,
    from_at    BIGINT NOT NULL, -- microseconds since 1970-01-01T00:00:00Z, whole minutes
    to_at      BIGINT NOT NULL, -- exclusive
    tzdb       TEXT   NOT NULL, -- the edition that the instants come from
    state      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT   NOT NULL,
    closed_at  BIGINT NOT NULL, -- 0: it is open
    closed_by  TEXT   NOT NULL,
    row_digest TEXT   NOT NULL,
    CONSTRAINT periods_pk PRIMARY KEY (period, zone),
    CONSTRAINT periods_cycle_known CHECK (cycle IN ('month', 'week')),
    CONSTRAINT periods_state_known CHECK (state IN ('open', 'closed')),
    CONSTRAINT periods_in_order CHECK (from_at < to_at),
    CONSTRAINT periods_whole_minutes CHECK (from_at % 60000000 = 0 AND to_at % 60000000 = 0)
);

CREATE INDEX periods_by_zone ON periods (zone, cycle, from_at);

CREATE TABLE drafts (
    draft_id         TEXT COLLATE "C" NOT NULL, -- the account's period; with .2, .3 … for what comes after the first document
    revision         BIGINT NOT NULL, -- from 1, without a hole
    is_newest        BIGINT NOT NULL,
    account_period   TEXT COLLATE "C" NOT NULL, -- <period>.<advertiser_id>.<currency>
    serial           BIGINT NOT NULL, -- from 1: which document of the account's period it is to become
    period           TEXT COLLATE "C" NOT NULL,
    zone             TEXT COLLATE "C" NOT NULL,
    advertiser_id    TEXT COLLATE "C" NOT NULL,
    currency         TEXT COLLATE "C" NOT NULL,
    kind             TEXT   NOT NULL,
    original_series  TEXT COLLATE "C" NOT NULL, -- of a note: which invoice it corrects; empty and 0 of an invoice
    original_number  BIGINT NOT NULL,
    reason           TEXT   NOT NULL, -- of a note
    terms_version    BIGINT NOT NULL,
    total_minor      TEXT   NOT NULL, -- as text, because sums of money have more than 64 bits
    lines            BIGINT NOT NULL,
    inputs_digest    TEXT   NOT NULL, -- of what makes a revision another one
    basis_digest     TEXT COLLATE "C" NOT NULL, -- of the list of segments it was summed from
    text_digest      TEXT   NOT NULL, -- of the draft, in the archive
    text_bytes       BIGINT NOT NULL,
    state            TEXT   NOT NULL,
    created_at       BIGINT NOT NULL,
    created_by       TEXT   NOT NULL,
    changed_at       BIGINT NOT NULL,
    changed_by       TEXT   NOT NULL,
    row_digest       TEXT   NOT NULL,
    CONSTRAINT drafts_pk PRIMARY KEY (draft_id, revision),
    CONSTRAINT drafts_revisions_from_one CHECK (revision >= 1 AND serial >= 1),
    CONSTRAINT drafts_newest_is_a_flag CHECK (is_newest IN (0, 1)),
    CONSTRAINT drafts_kind_known CHECK (kind IN ('invoice', 'credit_note', 'debit_note')),
    CONSTRAINT drafts_notes_have_an_original
        CHECK ((kind = 'invoice') = (original_number = 0) AND (kind = 'invoice') = (original_series = '')),
    CONSTRAINT drafts_state_known CHECK (state IN ('draft', 'approved', 'issued', 'void', 'superseded')),
    CONSTRAINT drafts_older_ones_are_done CHECK (is_newest = 1 OR state IN ('void', 'superseded'))
);

CREATE UNIQUE INDEX drafts_newest_once ON drafts (draft_id) WHERE is_newest = 1;

-- Two drafts of one account's period would bill the same difference twice.
CREATE UNIQUE INDEX drafts_open_once ON drafts (account_period) WHERE state IN ('draft', 'approved');

CREATE UNIQUE INDEX drafts_newest_of_account_period ON drafts (account_period, serial) WHERE is_newest = 1;

CREATE TABLE documents (
    series          TEXT COLLATE "C" NOT NULL,
    number          BIGINT NOT NULL, -- from 1, without a gap
    follows         BIGINT,          -- the number before it; NULL of the first
    draft_id        TEXT COLLATE "C" NOT NULL,
    revision        BIGINT NOT NULL,
    account_period  TEXT COLLATE "C" NOT NULL,
    serial          BIGINT NOT NULL,
    period          TEXT COLLATE "C" NOT NULL,
    zone            TEXT COLLATE "C" NOT NULL,
    advertiser_id   TEXT COLLATE "C" NOT NULL,
    currency        TEXT COLLATE "C" NOT NULL,
    kind            TEXT   NOT NULL,
    original_series TEXT COLLATE "C" NOT NULL,
    original_number BIGINT NOT NULL,
    reason          TEXT   NOT NULL,
    terms_version   BIGINT NOT NULL,
    total_minor     TEXT   NOT NULL,
    lines           BIGINT NOT NULL,
    inputs_digest   TEXT   NOT NULL,
    basis_digest    TEXT COLLATE "C" NOT NULL,
    document_digest TEXT   NOT NULL, -- of the canonical JSON
    issued_on       TEXT   NOT NULL, -- YYYY-MM-DD, in the account's zone
    due_on          TEXT   NOT NULL,
    issued_at       BIGINT NOT NULL,
    issued_by       TEXT   NOT NULL,
    log_position    BIGINT NOT NULL, -- of its entry in the log of invoices; 0: it has none yet
    row_digest      TEXT   NOT NULL,
    CONSTRAINT documents_pk PRIMARY KEY (series, number),
    CONSTRAINT documents_draft_once UNIQUE (draft_id),
    CONSTRAINT documents_serial_once UNIQUE (account_period, serial),
    CONSTRAINT documents_follow_each_other
        CHECK (number >= 1 AND (follows IS NULL) = (number = 1) AND (number = 1 OR follows = number - 1)),
    CONSTRAINT documents_previous_fk FOREIGN KEY (series, follows) REFERENCES documents (series, number),
    CONSTRAINT documents_series_not_empty CHECK (series <> ''),
    CONSTRAINT documents_kind_known CHECK (kind IN ('invoice', 'credit_note', 'debit_note')),
    CONSTRAINT documents_notes_have_an_original
        CHECK ((kind = 'invoice') = (original_number = 0) AND (kind = 'invoice') = (original_series = ''))
);

CREATE INDEX documents_by_period ON documents (period, series, number);
CREATE INDEX documents_not_logged ON documents (series, number) WHERE log_position = 0;

-- What was made of a document when it was issued: canonical JSON, CSV, PDF …
CREATE TABLE artefacts (
    series          TEXT COLLATE "C" NOT NULL,
    number          BIGINT NOT NULL,
    format          TEXT COLLATE "C" NOT NULL,
    artefact_key    TEXT   NOT NULL, -- in the archive
    artefact_digest TEXT   NOT NULL,
    bytes           BIGINT NOT NULL,
    row_digest      TEXT   NOT NULL,
    CONSTRAINT artefacts_pk PRIMARY KEY (series, number, format),
    CONSTRAINT artefacts_document_fk FOREIGN KEY (series, number) REFERENCES documents (series, number)
);

-- What customers contest: an account's period, or one document of it.
CREATE TABLE disputes (
    dispute         BIGINT NOT NULL, -- from 1
    account_period  TEXT COLLATE "C" NOT NULL,
    period          TEXT COLLATE "C" NOT NULL,
    advertiser_id   TEXT COLLATE "C" NOT NULL,
    currency        TEXT COLLATE "C" NOT NULL,
    document_series TEXT COLLATE "C" NOT NULL, -- empty and 0: all of the account's period
    document_number BIGINT NOT NULL,
    reason          TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    opened_at       BIGINT NOT NULL,
    opened_by       TEXT   NOT NULL,
    closed_at       BIGINT NOT NULL, -- 0: it is open
    closed_by       TEXT   NOT NULL,
    resolution      TEXT   NOT NULL,
    row_digest      TEXT   NOT NULL,
    CONSTRAINT disputes_pk PRIMARY KEY (dispute),
    CONSTRAINT disputes_state_known CHECK (state IN ('open', 'closed'))
);

CREATE INDEX disputes_by_period ON disputes (period, dispute);

CREATE FUNCTION refuse_what_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END
$$;

CREATE TRIGGER terms_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON terms
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_what_is_final('terms is never edited: put another version');

CREATE TRIGGER periods_is_not_deleted BEFORE DELETE OR TRUNCATE ON periods
    FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_what_is_final('periods is frozen: an open one can be closed, and nothing else');

CREATE TRIGGER periods_is_frozen BEFORE UPDATE ON periods
    FOR EACH ROW
    WHEN ((OLD.period, OLD.zone, OLD.cycle, OLD.from_at, OLD.to_at, OLD.tzdb)
        IS DISTINCT FROM (NEW.period, NEW.zone, NEW.cycle, NEW.from_at, NEW.to_at, NEW.tzdb) OR OLD.state = 'closed')
    EXECUTE FUNCTION refuse_what_is_final('periods is frozen: an open one can be closed, and nothing else');

CREATE TRIGGER drafts_issued_is_final BEFORE UPDATE OR DELETE ON drafts
    FOR EACH ROW WHEN (OLD.state = 'issued')
    EXECUTE FUNCTION refuse_what_is_final('drafts that were issued are never changed');

CREATE TRIGGER drafts_is_not_emptied BEFORE TRUNCATE ON drafts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_what_is_final('drafts that were issued are never changed');

CREATE TRIGGER documents_is_not_deleted BEFORE DELETE OR TRUNCATE ON documents
    FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_what_is_final('documents is never changed: what was issued is corrected by a note');

-- A document gets the position of its log entry, once.
CREATE TRIGGER documents_is_not_changed BEFORE UPDATE ON documents
    FOR EACH ROW
    WHEN (OLD.log_position <> 0 OR NEW.log_position = 0
        OR to_jsonb(OLD) - 'log_position' - 'row_digest' IS DISTINCT FROM to_jsonb(NEW) - 'log_position' - 'row_digest')
    EXECUTE FUNCTION refuse_what_is_final('documents is never changed: what was issued is corrected by a note');

CREATE TRIGGER artefacts_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON artefacts
    FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_what_is_final('artefacts is never changed: what was issued is corrected by a note');
