-- The registry: whom a click bills and where its redirect leads. Not derived from the log, so it is the part of the
-- catalog that must be backed up. `ads_version` lets every server see with one small read that its cache is old;
-- `audit` says who changed what, because a changed price changes an invoice.
-- Ids are compared by bytes (COLLATE "C"), so that pages have the same order in every database and on SQLite.

CREATE TABLE ads (
    ad_id         TEXT   COLLATE "C" NOT NULL,
    advertiser_id TEXT   NOT NULL,
    campaign_id   TEXT   NOT NULL,
    target_url    TEXT   NOT NULL,
    price_micros  BIGINT NOT NULL,
    currency      TEXT   NOT NULL,
    CONSTRAINT ads_pk PRIMARY KEY (ad_id),
    CONSTRAINT ads_ad_id_not_empty CHECK (ad_id <> ''),
    CONSTRAINT ads_price_not_negative CHECK (price_micros >= 0)
);

CREATE TABLE ads_version (
    only_row BIGINT NOT NULL,
    version  BIGINT NOT NULL,
    CONSTRAINT ads_version_pk PRIMARY KEY (only_row),
    CONSTRAINT ads_version_has_one_row CHECK (only_row = 1)
);

INSERT INTO ads_version (only_row, version) VALUES (1, 0);

CREATE TABLE audit (
    audit_id BIGINT GENERATED ALWAYS AS IDENTITY,
    at       BIGINT NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    actor    TEXT   NOT NULL,
    action   TEXT   NOT NULL,
    detail   TEXT   NOT NULL,
    CONSTRAINT audit_pk PRIMARY KEY (audit_id)
);
