-- Query 17 of the Nexmark benchmark: an ad stands for an auction, an event for a bid.
SELECT ad_id, date_trunc('day', event_time) AS day, COUNT(*) AS bids,
    COUNT(*) FILTER (WHERE price_micros < 10000) AS rank1_bids,
    COUNT(*) FILTER (WHERE price_micros >= 10000 AND price_micros < 1000000) AS rank2_bids,
    COUNT(*) FILTER (WHERE price_micros >= 1000000) AS rank3_bids,
    MIN(price_micros) AS min_price, MAX(price_micros) AS max_price,
    CAST(SUM(CAST(price_micros AS DECIMAL(18, 0))) AS DECIMAL(38, 0)) AS sum_price
FROM clicks GROUP BY 1, 2 ORDER BY 1, 2
