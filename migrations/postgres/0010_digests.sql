-- Whether this catalog and the logs beside it belong together, and whether its rows are as they were stored. Frames are
-- numbered alike in every copy of a log, so numbers cannot tell a copy that went on by itself: the digests of the last
-- frames that were counted, judged and followed do. '' is a digest that nobody knows, as in the rows of earlier
-- versions: it is not compared.

ALTER TABLE hot_partials ADD COLUMN last_frame TEXT NOT NULL DEFAULT ''; -- digest of the header of frame last_seq
ALTER TABLE hot_partials ADD COLUMN payload_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE hot_partials ADD COLUMN row_digest TEXT NOT NULL DEFAULT '';

ALTER TABLE verdict_marks ADD COLUMN clicks_frame TEXT NOT NULL DEFAULT '';
ALTER TABLE verdict_marks ADD COLUMN verdicts_frame TEXT NOT NULL DEFAULT '';
ALTER TABLE verdict_marks ADD COLUMN followed_frame TEXT NOT NULL DEFAULT '';
-- A sum over later_rulings, which has no other witness: a row that is lost there would make an hour fresh that is stale.
ALTER TABLE verdict_marks ADD COLUMN later_sum BIGINT NOT NULL DEFAULT 0;
ALTER TABLE verdict_marks ADD COLUMN row_digest TEXT NOT NULL DEFAULT '';

UPDATE verdict_marks SET later_sum = (
    SELECT CAST(COALESCE(SUM(1 + click_seq % 1000003 * 3 + first_position % 1000003 * 5
        + last_position % 1000003 * 7 + verdicts % 1000003 * 11), 0) AS BIGINT)
    FROM later_rulings);

ALTER TABLE hours ADD COLUMN row_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE segments ADD COLUMN row_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE reconciliations ADD COLUMN row_digest TEXT NOT NULL DEFAULT '';

-- What a plan says of a generation and of each of its units, what a unit produced (the digest that its segment's row
-- gets), and what a promotion says. Live pointers and the hours of promotions have none: they are compared with these.
ALTER TABLE generations ADD COLUMN row_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE units ADD COLUMN plan_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE units ADD COLUMN segment_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE promotions ADD COLUMN row_digest TEXT NOT NULL DEFAULT '';
