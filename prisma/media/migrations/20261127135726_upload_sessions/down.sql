-- Undoes 20261127135726_upload_sessions, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- AlterTable: what does not fit is cut.
ALTER TABLE "media_items" ALTER COLUMN "mime_type" SET DATA TYPE VARCHAR(64) USING left("mime_type", 64),
ALTER COLUMN "byte_size" SET DATA TYPE INTEGER USING least("byte_size", 2147483647)::integer;

-- DropTable
DROP TABLE "upload_sessions";
