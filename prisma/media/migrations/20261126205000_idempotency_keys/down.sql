-- Undoes 20261126205000_idempotency_keys, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- DropTable
DROP TABLE "idempotency_keys";
