-- Undoes 20261127004000_media_jobs, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- DropTable
DROP TABLE "media_jobs";

-- AlterTable
ALTER TABLE "media_items" DROP COLUMN "failure_reason",
DROP COLUMN "has_full";
