-- Undoes 20261127001500_outbox_traceparent, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- AlterTable
ALTER TABLE "outbox" DROP COLUMN "traceparent";
