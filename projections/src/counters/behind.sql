-- The events behind rows of counters: `changed` has the keys of these rows, `rulings` and `ruled_before` what stands
-- about the events on either side.
SELECT
    c.position,
    c.event_id,
    c.kind,
    c.event_time,
    c.advertiser_id,
    c.campaign_id,
    c.ad_id,
    c.price_micros,
    c.currency,
    b.category AS before_category,
    r.category AS after_category
FROM changed k
JOIN clicks c ON c.advertiser_id = k.advertiser_id
    AND c.campaign_id = k.campaign_id
    AND c.ad_id = k.ad_id
    AND (c.publisher_id IS NOT DISTINCT FROM k.publisher_id)
    AND (date_trunc('minute', c.event_time) = k.minute)
    AND (c.country IS NOT DISTINCT FROM k.country)
    AND (c.device_type IS NOT DISTINCT FROM k.device_type)
    AND c.currency = k.currency
LEFT JOIN ruled_before b ON b.position = c.position
LEFT JOIN rulings r ON r.position = c.position
ORDER BY c.position
