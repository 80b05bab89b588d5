-- Undoes 20261124021116_init, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- DropForeignKey
ALTER TABLE "public"."task_media" DROP CONSTRAINT "task_media_task_id_fkey";

-- DropTable
DROP TABLE "public"."tasks";

-- DropTable
DROP TABLE "public"."task_media";

-- DropEnum
DROP TYPE "public"."task_status";

-- DropEnum
DROP TYPE "public"."task_priority";
