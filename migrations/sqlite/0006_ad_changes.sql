-- Who changed what an ad bills, from what to what, and when; and when an ad was paused. A price or a pause decides what
-- an invoice says, so one row for each change holds the ad before and after it. A pause is kept when it has ended,
-- because clicks of its time may still come in. Like the registry, neither mirrors anything: both are to be backed up.

CREATE TABLE ad_changes (
    change_id            INTEGER CONSTRAINT ad_changes_pk PRIMARY KEY AUTOINCREMENT,
    at                   INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    actor                TEXT    NOT NULL,
    action               TEXT    NOT NULL,
    ad_id                TEXT    NOT NULL,
    -- Empty, 0 and 0 of an ad that was not registered before.
    before_advertiser_id TEXT    NOT NULL,
    before_campaign_id   TEXT    NOT NULL,
    before_target_url    TEXT    NOT NULL,
    before_price_micros  INTEGER NOT NULL,
    before_currency      TEXT    NOT NULL,
    before_paused        INTEGER NOT NULL,
    after_advertiser_id  TEXT    NOT NULL,
    after_campaign_id    TEXT    NOT NULL,
    after_target_url     TEXT    NOT NULL,
    after_price_micros   INTEGER NOT NULL,
    after_currency       TEXT    NOT NULL,
    after_paused         INTEGER NOT NULL,
    CONSTRAINT ad_changes_action_known CHECK (action IN ('add', 'change', 'pause', 'resume')),
    CONSTRAINT ad_changes_paused_is_a_flag CHECK (before_paused IN (0, 1) AND after_paused IN (0, 1))
) STRICT;

CREATE INDEX ad_changes_by_ad ON ad_changes (ad_id, change_id);

CREATE TABLE ad_pauses (
    ad_id      TEXT    NOT NULL,
    paused_at  INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    resumed_at INTEGER NOT NULL, -- 0 while it is paused
    CONSTRAINT ad_pauses_pk PRIMARY KEY (ad_id, paused_at),
    CONSTRAINT ad_pauses_ad_fk FOREIGN KEY (ad_id) REFERENCES ads (ad_id),
    CONSTRAINT ad_pauses_in_order CHECK (resumed_at = 0 OR resumed_at > paused_at)
) STRICT;
