-- Undoes 20261126220000_audit_events, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- DropTable
DROP TABLE "audit_events";

-- DropTable
DROP TABLE "audit_head";

DROP FUNCTION "refuse_audit_change"();
