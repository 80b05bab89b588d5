-- Undoes 20261127151000_contents, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- DropIndex
DROP INDEX "media_items_content_id_idx";

-- DropIndex
DROP INDEX "media_items_uploader_id_sha256_idx";

-- AlterTable
ALTER TABLE "media_items" DROP COLUMN "content_id";
