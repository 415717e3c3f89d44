-- What was spent per declared country and device, hour by hour. A click without a ruling is billable until it is ruled
-- otherwise; a row of `rulings` says why one is not.
SELECT
    c.country,
    c.device_type,
    date_trunc('hour', c.event_time) AS hour,
    c.currency,
    COUNT(*) FILTER (WHERE c.kind = 'impression') AS impressions,
    COUNT(*) FILTER (WHERE c.kind = 'click') AS clicks,
    COUNT(*) FILTER (WHERE c.kind = 'click' AND r.category IS NULL) AS billable_clicks,
    COALESCE(SUM(CAST(c.price_micros AS DECIMAL(38, 0))) FILTER (WHERE c.kind = 'click' AND r.category IS NULL), 0) AS spend_micros
FROM clicks c
LEFT JOIN rulings r ON c.position = r.position
WHERE c.kind IN ('click', 'impression')
GROUP BY c.country, c.device_type, date_trunc('hour', c.event_time), c.currency
