-- Which making of the catalog this is: a rebuild puts another in place of all that mirrors archive and logs, in one
-- transaction, and raises the number. Whoever began before it is told so at its next write, and reads the state again.

CREATE TABLE catalog_generation (
    only_row   BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    CONSTRAINT catalog_generation_pk PRIMARY KEY (only_row),
    CONSTRAINT catalog_generation_has_one_row CHECK (only_row = 1),
    CONSTRAINT catalog_generation_counts_from_one CHECK (generation >= 1)
);

INSERT INTO catalog_generation (only_row, generation) VALUES (1, 1);
