-- Invoices: under which terms an account is billed, which instants a period is, what was drafted, and what was issued.
-- Texts of drafts and documents are in the archive; what lists and reviews need stands here. Nothing of this mirrors
-- anything, and money hangs on it, so the database itself refuses to change what is final: terms, the instants of a
-- period, and whatever was issued. Numbers of a series have no gap because each row refers to the one before it.

-- Under which terms an account is billed; advertiser_id '' is the seller. A version is never edited.
CREATE TABLE terms (
    advertiser_id TEXT    NOT NULL,
    version       INTEGER NOT NULL, -- from 1, without a hole
    valid_from    TEXT    NOT NULL, -- YYYY-MM-DD
    text          TEXT    NOT NULL, -- canonical JSON
    text_digest   TEXT    NOT NULL,
    created_at    INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    created_by    TEXT    NOT NULL,
    row_digest    TEXT    NOT NULL,
    CONSTRAINT terms_pk PRIMARY KEY (advertiser_id, version),
    CONSTRAINT terms_versions_from_one CHECK (version >= 1)
) STRICT;

CREATE INDEX terms_by_validity ON terms (advertiser_id, valid_from, version);

CREATE TRIGGER terms_is_not_changed BEFORE UPDATE ON terms
BEGIN SELECT RAISE(ABORT, 'terms is never edited: put another version'); END;

CREATE TRIGGER terms_is_not_deleted BEFORE DELETE ON terms
BEGIN SELECT RAISE(ABORT, 'terms is never edited: put another version'); END;

-- INSERT OR REPLACE deletes without asking the triggers of DELETE.
CREATE TRIGGER terms_is_not_replaced BEFORE INSERT ON terms
WHEN EXISTS (SELECT 1 FROM terms WHERE advertiser_id = NEW.advertiser_id AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'terms is never edited: put another version'); END;

-- A month or week in a zone, frozen as two instants: a later edition of the zones' rules does not move it.
CREATE TABLE periods (
    period     TEXT    NOT NULL, -- 2026-03, 2026-W10
    zone       TEXT    NOT NULL,
    cycle      TEXT    NOT NULL,
    from_at    INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z, whole minutes
    to_at      INTEGER NOT NULL, -- exclusive
    tzdb       TEXT    NOT NULL, -- the edition that the instants come from
    state      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    closed_at  INTEGER NOT NULL, -- 0: it is open
    closed_by  TEXT    NOT NULL,
    row_digest TEXT    NOT NULL,
    CONSTRAINT periods_pk PRIMARY KEY (period, zone),
    CONSTRAINT periods_cycle_known CHECK (cycle IN ('month', 'week')),
    CONSTRAINT periods_state_known CHECK (state IN ('open', 'closed')),
    CONSTRAINT periods_in_order CHECK (from_at < to_at),
    CONSTRAINT periods_whole_minutes CHECK (from_at % 60000000 = 0 AND to_at % 60000000 = 0)
) STRICT;

CREATE INDEX periods_by_zone ON periods (zone, cycle, from_at);

CREATE TRIGGER periods_is_frozen BEFORE UPDATE ON periods
WHEN OLD.period <> NEW.period OR OLD.zone <> NEW.zone OR OLD.cycle <> NEW.cycle OR OLD.from_at <> NEW.from_at
    OR OLD.to_at <> NEW.to_at OR OLD.tzdb <> NEW.tzdb OR OLD.state = 'closed'
BEGIN SELECT RAISE(ABORT, 'periods is frozen: an open one can be closed, and nothing else'); END;

CREATE TRIGGER periods_is_not_deleted BEFORE DELETE ON periods
BEGIN SELECT RAISE(ABORT, 'periods is frozen: an open one can be closed, and nothing else'); END;

CREATE TRIGGER periods_is_not_replaced BEFORE INSERT ON periods
WHEN EXISTS (SELECT 1 FROM periods WHERE period = NEW.period AND zone = NEW.zone)
BEGIN SELECT RAISE(ABORT, 'periods is frozen: an open one can be closed, and nothing else'); END;

CREATE TABLE drafts (
    draft_id         TEXT    NOT NULL, -- the account's period; with .2, .3 … for what comes after the first document
    revision         INTEGER NOT NULL, -- from 1, without a hole
    is_newest        INTEGER NOT NULL,
    account_period   TEXT    NOT NULL, -- <period>.<advertiser_id>.<currency>
    serial           INTEGER NOT NULL, -- from 1: which document of the account's period it is to become
    period           TEXT    NOT NULL,
    zone             TEXT    NOT NULL,
    advertiser_id    TEXT    NOT NULL,
    currency         TEXT    NOT NULL,
    kind             TEXT    NOT NULL,
    original_series  TEXT    NOT NULL, -- of a note: which invoice it corrects; empty and 0 of an invoice
    original_number  INTEGER NOT NULL,
    reason           TEXT    NOT NULL, -- of a note
    terms_version    INTEGER NOT NULL,
    total_minor      TEXT    NOT NULL, -- as text, because sums of money have more than 64 bits
    lines            INTEGER NOT NULL,
    inputs_digest    TEXT    NOT NULL, -- of what makes a revision another one
    basis_digest     TEXT    NOT NULL, -- of the list of segments it was summed from
    text_digest      TEXT    NOT NULL, -- of the draft, in the archive
    text_bytes       INTEGER NOT NULL,
    state            TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    created_by       TEXT    NOT NULL,
    changed_at       INTEGER NOT NULL,
    changed_by       TEXT    NOT NULL,
    row_digest       TEXT    NOT NULL,
    CONSTRAINT drafts_pk PRIMARY KEY (draft_id, revision),
    CONSTRAINT drafts_revisions_from_one CHECK (revision >= 1 AND serial >= 1),
    CONSTRAINT drafts_newest_is_a_flag CHECK (is_newest IN (0, 1)),
    CONSTRAINT drafts_kind_known CHECK (kind IN ('invoice', 'credit_note', 'debit_note')),
    CONSTRAINT drafts_notes_have_an_original
        CHECK ((kind = 'invoice') = (original_number = 0) AND (kind = 'invoice') = (original_series = '')),
    CONSTRAINT drafts_state_known CHECK (state IN ('draft', 'approved', 'issued', 'void', 'superseded')),
    CONSTRAINT drafts_older_ones_are_done CHECK (is_newest = 1 OR state IN ('void', 'superseded'))
) STRICT;

CREATE UNIQUE INDEX drafts_newest_once ON drafts (draft_id) WHERE is_newest = 1;

-- Two drafts of one account's period would bill the same difference twice.
CREATE UNIQUE INDEX drafts_open_once ON drafts (account_period) WHERE state IN ('draft', 'approved');

CREATE UNIQUE INDEX drafts_newest_of_account_period ON drafts (account_period, serial) WHERE is_newest = 1;

CREATE TRIGGER drafts_issued_is_not_changed BEFORE UPDATE ON drafts WHEN OLD.state = 'issued'
BEGIN SELECT RAISE(ABORT, 'drafts that were issued are never changed'); END;

CREATE TRIGGER drafts_issued_is_not_deleted BEFORE DELETE ON drafts WHEN OLD.state = 'issued'
BEGIN SELECT RAISE(ABORT, 'drafts that were issued are never changed'); END;

CREATE TRIGGER drafts_is_not_replaced BEFORE INSERT ON drafts
WHEN EXISTS (SELECT 1 FROM drafts WHERE draft_id = NEW.draft_id AND revision = NEW.revision)
BEGIN SELECT RAISE(ABORT, 'a revision of drafts is never replaced'); END;

CREATE TABLE documents (
    series          TEXT    NOT NULL,
    number          INTEGER NOT NULL, -- from 1, without a gap
    follows         INTEGER,          -- the number before it; NULL of the first
    draft_id        TEXT    NOT NULL,
    revision        INTEGER NOT NULL,
    account_period  TEXT    NOT NULL,
    serial          INTEGER NOT NULL,
    period          TEXT    NOT NULL,
    zone            TEXT    NOT NULL,
    advertiser_id   TEXT    NOT NULL,
    currency        TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    original_series TEXT    NOT NULL,
    original_number INTEGER NOT NULL,
    reason          TEXT    NOT NULL,
    terms_version   INTEGER NOT NULL,
    total_minor     TEXT    NOT NULL,
    lines           INTEGER NOT NULL,
    inputs_digest   TEXT    NOT NULL,
    basis_digest    TEXT    NOT NULL,
    document_digest TEXT    NOT NULL, -- of the canonical JSON
    issued_on       TEXT    NOT NULL, -- YYYY-MM-DD, in the account's zone
    due_on          TEXT    NOT NULL,
    issued_at       INTEGER NOT NULL,
    issued_by       TEXT    NOT NULL,
    log_position    INTEGER NOT NULL, -- of its entry in the log of invoices; 0: it has none yet
    row_digest      TEXT    NOT NULL,
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
) STRICT;

CREATE INDEX documents_by_period ON documents (period, series, number);
CREATE INDEX documents_not_logged ON documents (series, number) WHERE log_position = 0;

-- A document gets the position of its log entry, once.
CREATE TRIGGER documents_is_not_changed BEFORE UPDATE ON documents
WHEN OLD.log_position <> 0 OR NEW.log_position = 0 OR OLD.series <> NEW.series OR OLD.number <> NEW.number
    OR OLD.follows IS NOT NEW.follows OR OLD.draft_id <> NEW.draft_id OR OLD.revision <> NEW.revision
    OR OLD.account_period <> NEW.account_period OR OLD.serial <> NEW.serial OR OLD.period <> NEW.period
    OR OLD.zone <> NEW.zone OR OLD.advertiser_id <> NEW.advertiser_id OR OLD.currency <> NEW.currency
    OR OLD.kind <> NEW.kind OR OLD.original_series <> NEW.original_series
    OR OLD.original_number <> NEW.original_number OR OLD.reason <> NEW.reason
    OR OLD.terms_version <> NEW.terms_version OR OLD.total_minor <> NEW.total_minor OR OLD.lines <> NEW.lines
    OR OLD.inputs_digest <> NEW.inputs_digest OR OLD.basis_digest <> NEW.basis_digest
    OR OLD.document_digest <> NEW.document_digest OR OLD.issued_on <> NEW.issued_on OR OLD.due_on <> NEW.due_on
    OR OLD.issued_at <> NEW.issued_at OR OLD.issued_by <> NEW.issued_by
BEGIN SELECT RAISE(ABORT, 'documents is never changed: what was issued is corrected by a note'); END;

CREATE TRIGGER documents_is_not_deleted BEFORE DELETE ON documents
BEGIN SELECT RAISE(ABORT, 'documents is never changed: what was issued is corrected by a note'); END;

-- SQLite looks at references only where a connection asks for it. Whoever replaces a row has a number that is not the
-- next one.
CREATE TRIGGER documents_have_no_gap BEFORE INSERT ON documents
WHEN NEW.number <> 1 + (SELECT COALESCE(MAX(number), 0) FROM documents WHERE series = NEW.series)
BEGIN SELECT RAISE(ABORT, 'documents of a series have the numbers 1, 2, 3 without a gap'); END;

CREATE TRIGGER documents_is_not_replaced BEFORE INSERT ON documents
WHEN EXISTS (SELECT 1 FROM documents WHERE draft_id = NEW.draft_id)
    OR EXISTS (SELECT 1 FROM documents WHERE account_period = NEW.account_period AND serial = NEW.serial)
BEGIN SELECT RAISE(ABORT, 'documents is never changed: what was issued is corrected by a note'); END;

-- What was made of a document when it was issued: canonical JSON, CSV, PDF …
CREATE TABLE artefacts (
    series          TEXT    NOT NULL,
    number          INTEGER NOT NULL,
    format          TEXT    NOT NULL,
    artefact_key    TEXT    NOT NULL, -- in the archive
    artefact_digest TEXT    NOT NULL,
    bytes           INTEGER NOT NULL,
    row_digest      TEXT    NOT NULL,
    CONSTRAINT artefacts_pk PRIMARY KEY (series, number, format),
    CONSTRAINT artefacts_document_fk FOREIGN KEY (series, number) REFERENCES documents (series, number)
) STRICT;

CREATE TRIGGER artefacts_is_not_changed BEFORE UPDATE ON artefacts
BEGIN SELECT RAISE(ABORT, 'artefacts is never changed: what was issued is corrected by a note'); END;

CREATE TRIGGER artefacts_is_not_deleted BEFORE DELETE ON artefacts
BEGIN SELECT RAISE(ABORT, 'artefacts is never changed: what was issued is corrected by a note'); END;

CREATE TRIGGER artefacts_is_not_replaced BEFORE INSERT ON artefacts
WHEN EXISTS (SELECT 1 FROM artefacts WHERE series = NEW.series AND number = NEW.number AND format = NEW.format)
BEGIN SELECT RAISE(ABORT, 'artefacts is never changed: what was issued is corrected by a note'); END;

-- What customers contest: an account's period, or one document of it.
CREATE TABLE disputes (
    dispute         INTEGER NOT NULL, -- from 1
    account_period  TEXT    NOT NULL,
    period          TEXT    NOT NULL,
    advertiser_id   TEXT    NOT NULL,
    currency        TEXT    NOT NULL,
    document_series TEXT    NOT NULL, -- empty and 0: all of the account's period
    document_number INTEGER NOT NULL,
    reason          TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    opened_at       INTEGER NOT NULL,
    opened_by       TEXT    NOT NULL,
    closed_at       INTEGER NOT NULL, -- 0: it is open
    closed_by       TEXT    NOT NULL,
    resolution      TEXT    NOT NULL,
    row_digest      TEXT    NOT NULL,
    CONSTRAINT disputes_pk PRIMARY KEY (dispute),
    CONSTRAINT disputes_state_known CHECK (state IN ('open', 'closed'))
) STRICT;

CREATE INDEX disputes_by_period ON disputes (period, dispute);
