SELECT s.position, s.reason, s.category, s.decision, c.event_id, c.kind, c.advertiser_id, c.price_micros, c.currency,
    r.category AS standing
FROM selected s LEFT JOIN clicks c ON c.position = s.position LEFT JOIN rulings r ON r.position = s.position
ORDER BY s.position
