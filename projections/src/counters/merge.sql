-- Partial counters of the same keys, added up: how hot partials become comparable with a segment.
SELECT
    advertiser_id, campaign_id, ad_id, publisher_id, minute, country, device_type, currency,
    SUM(impressions) AS impressions,
    SUM(clicks) AS clicks,
    SUM(billable_clicks) AS billable_clicks,
    SUM(invalid_givt) AS invalid_givt,
    SUM(invalid_sivt) AS invalid_sivt,
    SUM(invalid_duplicate) AS invalid_duplicate,
    SUM(invalid_policy) AS invalid_policy,
    SUM(conversions) AS conversions,
    SUM(probes) AS probes,
    SUM(prefetches) AS prefetches,
    SUM(impressions_givt) AS impressions_givt,
    SUM(impressions_sivt) AS impressions_sivt,
    SUM(impressions_duplicate) AS impressions_duplicate,
    SUM(impressions_policy) AS impressions_policy,
    SUM(conversions_givt) AS conversions_givt,
    SUM(conversions_sivt) AS conversions_sivt,
    SUM(conversions_duplicate) AS conversions_duplicate,
    SUM(conversions_policy) AS conversions_policy,
    SUM(spend_micros) AS spend_micros,
    SUM(value_micros) AS value_micros,
    SUM(general_invalid_spend_micros) AS general_invalid_spend_micros,
    SUM(other_invalid_spend_micros) AS other_invalid_spend_micros,
    SUM(general_invalid_value_micros) AS general_invalid_value_micros,
    SUM(other_invalid_value_micros) AS other_invalid_value_micros
FROM partials
GROUP BY advertiser_id, campaign_id, ad_id, publisher_id, minute, country, device_type, currency
ORDER BY
    advertiser_id, campaign_id, ad_id, publisher_id NULLS FIRST, minute, country NULLS FIRST, device_type NULLS FIRST,
    currency
