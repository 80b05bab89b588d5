-- Undoes 20261127010500_soft_deletion, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- What was deleted stays so: the sweep removes its files.
DELETE FROM "media_items" WHERE "deleted_at" IS NOT NULL;

-- DropIndex
DROP INDEX "media_items_deleted_at_idx";

-- AlterTable
ALTER TABLE "media_items" DROP COLUMN "deleted_at";
