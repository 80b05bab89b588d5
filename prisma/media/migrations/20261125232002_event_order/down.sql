-- Undoes 20261125232002_event_order, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- DropIndex
DROP INDEX "public"."inbox_subject_sequence_idx";

-- AlterTable
ALTER TABLE "inbox" DROP COLUMN "sequence",
DROP COLUMN "settles",
DROP COLUMN "source",
DROP COLUMN "subject";
