-- The audit trail keeps why something was done and how it ended, and nobody changes or deletes what it says: whoever
-- disputes a number must be able to trust who moved it. The same holds for the changes of ads. A program that wrote
-- rows before this migration wrote only what had been done.

ALTER TABLE audit ADD COLUMN reason TEXT NOT NULL DEFAULT ''; -- in the words of the actor; empty if none was given
ALTER TABLE audit ADD COLUMN result TEXT NOT NULL DEFAULT 'done'
    CONSTRAINT audit_result_known CHECK (result IN ('done', 'refused', 'failed'));

CREATE FUNCTION refuse_what_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_what_is_append_only();

CREATE TRIGGER ad_changes_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ad_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_what_is_append_only();
