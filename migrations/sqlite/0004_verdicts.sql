-- How far the judge has come, and which clicks a later word than the judge's own concerns. All of it mirrors the verdict
-- log: the marks save reading it from its beginning, and the rows say which sealed hours are stale.

CREATE TABLE verdict_marks (
    only_row        INTEGER NOT NULL,
    -- Every live verdict about the click frames up to this one ...
    clicks_judged   INTEGER NOT NULL,
    -- ... stands in the verdict log up to this frame.
    verdicts_judged INTEGER NOT NULL,
    -- The verdict frames up to this one are accounted for in later_rulings.
    followed        INTEGER NOT NULL,
    CONSTRAINT verdict_marks_pk PRIMARY KEY (only_row),
    CONSTRAINT verdict_marks_has_one_row CHECK (only_row = 1),
    CONSTRAINT verdict_marks_not_negative CHECK (clicks_judged >= 0 AND verdicts_judged >= 0 AND followed >= 0)
) STRICT;

INSERT INTO verdict_marks (only_row, clicks_judged, verdicts_judged, followed) VALUES (1, 0, 0, 0);

-- By the frame of the click log, because its hour may not be sealed yet.
CREATE TABLE later_rulings (
    click_seq      INTEGER NOT NULL,
    first_position INTEGER NOT NULL, -- positions in the verdict log
    last_position  INTEGER NOT NULL,
    verdicts       INTEGER NOT NULL,
    CONSTRAINT later_rulings_pk PRIMARY KEY (click_seq),
    CONSTRAINT later_rulings_in_order CHECK (last_position >= first_position AND verdicts >= 1)
) STRICT;
