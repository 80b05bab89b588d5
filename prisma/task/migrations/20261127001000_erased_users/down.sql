-- Undoes 20261127001000_erased_users, with the rows that are there by then. Edit it freely: it is never compared with anything.

DROP TRIGGER "tasks_of_erased" ON "tasks";
DROP TRIGGER "known_media_of_erased" ON "known_media";
DROP TRIGGER "task_media_of_erased" ON "task_media";
DROP TRIGGER "idempotency_keys_of_erased" ON "idempotency_keys";
DROP FUNCTION "refuse_erased_party"();
DROP FUNCTION "forget_erased_uploader"();
DROP FUNCTION "refuse_erased_user"();
DROP FUNCTION "is_erased_user"(uuid);

-- DropTable
DROP TABLE "erased_users";

-- Nobody is somebody that nobody is.
UPDATE "task_media" SET "attached_by" = '00000000-0000-0000-0000-000000000000' WHERE "attached_by" IS NULL;
UPDATE "known_media" SET "uploader_id" = '00000000-0000-0000-0000-000000000000' WHERE "uploader_id" IS NULL;

-- AlterTable
ALTER TABLE "task_media" ALTER COLUMN "attached_by" SET NOT NULL;

-- AlterTable
ALTER TABLE "known_media" ALTER COLUMN "uploader_id" SET NOT NULL;
