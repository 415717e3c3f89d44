-- One row a minute and key: what was counted, and what is owed for it. Mergeable: sums and counts only.
-- `rulings` has at most one row a position; a click without one is billable until it is ruled otherwise. They stand
-- on the left of the join because an engine holds that side in memory and lets the other pass by.
SELECT
    c.advertiser_id,
    c.campaign_id,
    c.ad_id,
    c.publisher_id,
    date_trunc('minute', c.event_time) AS minute,
    c.country,
    c.device_type,
    c.currency,
    COUNT(*) FILTER (WHERE c.kind = 'impression') AS impressions,
    COUNT(*) FILTER (WHERE c.kind = 'click') AS clicks,
    COUNT(*) FILTER (WHERE c.kind = 'click' AND r.category IS NULL) AS billable_clicks,
    COUNT(*) FILTER (WHERE c.kind = 'click' AND r.category = 'givt') AS invalid_givt,
    COUNT(*) FILTER (WHERE c.kind = 'click' AND r.category = 'sivt') AS invalid_sivt,
    COUNT(*) FILTER (WHERE c.kind = 'click' AND r.category = 'duplicate') AS invalid_duplicate,
    COUNT(*) FILTER (WHERE c.kind = 'click' AND r.category = 'policy') AS invalid_policy,
    COUNT(*) FILTER (WHERE c.kind = 'conversion') AS conversions,
    COUNT(*) FILTER (WHERE c.kind = 'probe') AS probes,
    COUNT(*) FILTER (WHERE c.kind = 'prefetch') AS prefetches,
    COALESCE(SUM(CAST(c.price_micros AS DECIMAL(38, 0))) FILTER (WHERE c.kind = 'click' AND r.category IS NULL), 0) AS spend_micros,
    COALESCE(SUM(CAST(c.value_micros AS DECIMAL(38, 0))) FILTER (WHERE c.kind = 'conversion'), 0) AS value_micros
FROM rulings r
RIGHT JOIN clicks c ON c.position = r.position
GROUP BY c.advertiser_id, c.campaign_id, c.ad_id, c.publisher_id, date_trunc('minute', c.event_time), c.country, c.device_type, c.currency
ORDER BY
    c.advertiser_id, c.campaign_id, c.ad_id, c.publisher_id NULLS FIRST, minute, c.country NULLS FIRST,
    c.device_type NULLS FIRST, c.currency
