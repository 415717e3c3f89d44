-- The audit trail keeps why something was done and how it ended, and nobody changes or deletes what it says: whoever
-- disputes a number must be able to trust who moved it. The same holds for the changes of ads. A program that wrote
-- rows before this migration wrote only what had been done.

ALTER TABLE audit ADD COLUMN reason TEXT NOT NULL DEFAULT ''; -- in the words of the actor; empty if none was given
ALTER TABLE audit ADD COLUMN result TEXT NOT NULL DEFAULT 'done'
    CONSTRAINT audit_result_known CHECK (result IN ('done', 'refused', 'failed'));

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

-- INSERT OR REPLACE deletes without asking the triggers of DELETE.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE audit_id = NEW.audit_id)
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

CREATE TRIGGER ad_changes_is_not_changed BEFORE UPDATE ON ad_changes
BEGIN SELECT RAISE(ABORT, 'ad_changes is append-only'); END;

CREATE TRIGGER ad_changes_is_not_deleted BEFORE DELETE ON ad_changes
BEGIN SELECT RAISE(ABORT, 'ad_changes is append-only'); END;

CREATE TRIGGER ad_changes_is_not_replaced BEFORE INSERT ON ad_changes
WHEN EXISTS (SELECT 1 FROM ad_changes WHERE change_id = NEW.change_id)
BEGIN SELECT RAISE(ABORT, 'ad_changes is append-only'); END;
