-- One row a minute and key: what was counted, and what is owed for it. Mergeable: sums and counts only.
-- `rulings` has at most one row a position; a click without one is billable until it is ruled otherwise. They stand
-- on the left of the join because an engine holds that side in memory and lets the other pass by.
-- Few events are ruled invalid. `r.category IS NOT NULL` comes first, so that an engine is done with a batch of which no
-- row is ruled after that one look. Sums of what is invalid stand beside those of what counts: general (givt and
-- duplicate: out of net) and other (sivt and policy: out of total net).
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
    COUNT(*) FILTER (WHERE r.category IS NOT NULL AND r.category = 'givt' AND c.kind = 'impression') AS impressions_givt,
    COUNT(*) FILTER (WHERE r.category IS NOT NULL AND r.category = 'sivt' AND c.kind = 'impression') AS impressions_sivt,
    COUNT(*) FILTER (WHERE r.category IS NOT NULL AND r.category = 'duplicate' AND c.kind = 'impression') AS impressions_duplicate,
    COUNT(*) FILTER (WHERE r.category IS NOT NULL AND r.category = 'policy' AND c.kind = 'impression') AS impressions_policy,
    COUNT(*) FILTER (WHERE r.category IS NOT NULL AND r.category = 'givt' AND c.kind = 'conversion') AS conversions_givt,
    COUNT(*) FILTER (WHERE r.category IS NOT NULL AND r.category = 'sivt' AND c.kind = 'conversion') AS conversions_sivt,
    COUNT(*) FILTER (WHERE r.category IS NOT NULL AND r.category = 'duplicate' AND c.kind = 'conversion') AS conversions_duplicate,
    COUNT(*) FILTER (WHERE r.category IS NOT NULL AND r.category = 'policy' AND c.kind = 'conversion') AS conversions_policy,
    COALESCE(SUM(CAST(c.price_micros AS DECIMAL(38, 0))) FILTER (WHERE c.kind = 'click' AND r.category IS NULL), 0) AS spend_micros,
    COALESCE(SUM(CAST(c.value_micros AS DECIMAL(38, 0))) FILTER (WHERE c.kind = 'conversion'), 0) AS value_micros,
    COALESCE(SUM(CAST(c.price_micros AS DECIMAL(38, 0))) FILTER (WHERE r.category IS NOT NULL AND r.category IN ('givt', 'duplicate') AND c.kind = 'click'), 0) AS general_invalid_spend_micros,
    COALESCE(SUM(CAST(c.price_micros AS DECIMAL(38, 0))) FILTER (WHERE r.category IS NOT NULL AND r.category IN ('sivt', 'policy') AND c.kind = 'click'), 0) AS other_invalid_spend_micros,
    COALESCE(SUM(CAST(c.value_micros AS DECIMAL(38, 0))) FILTER (WHERE r.category IS NOT NULL AND r.category IN ('givt', 'duplicate') AND c.kind = 'conversion'), 0) AS general_invalid_value_micros,
    COALESCE(SUM(CAST(c.value_micros AS DECIMAL(38, 0))) FILTER (WHERE r.category IS NOT NULL AND r.category IN ('sivt', 'policy') AND c.kind = 'conversion'), 0) AS other_invalid_value_micros
FROM rulings r
RIGHT JOIN clicks c ON c.position = r.position
GROUP BY c.advertiser_id, c.campaign_id, c.ad_id, c.publisher_id, date_trunc('minute', c.event_time), c.country, c.device_type, c.currency
ORDER BY
    c.advertiser_id, c.campaign_id, c.ad_id, c.publisher_id NULLS FIRST, minute, c.country NULLS FIRST,
    c.device_type NULLS FIRST, c.currency
