-- Undoes 20261128061000_revisions, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- AlterTable
ALTER TABLE "media_items" DROP COLUMN "revision";
