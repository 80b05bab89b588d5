-- AlterTable
ALTER TABLE "task_media" ADD COLUMN     "borrowed" BOOLEAN NOT NULL DEFAULT false;

-- Who had attached what another has uploaded had seen it on a task: it is theirs to show as long as they see it there.
UPDATE "task_media" AS m SET "borrowed" = true
FROM "known_media" AS k
WHERE k."media_id" = m."media_id" AND k."uploader_id" <> m."attached_by";
