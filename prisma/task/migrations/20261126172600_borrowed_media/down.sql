-- Undoes 20261126172600_borrowed_media, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- AlterTable
ALTER TABLE "task_media" DROP COLUMN "borrowed";
