-- Undoes 20261124023307_init, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- DropTable
DROP TABLE "public"."media_items";

-- DropEnum
DROP TYPE "public"."media_status";
