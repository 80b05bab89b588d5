-- AlterTable
ALTER TABLE "signing_keys" ADD COLUMN     "retires_at" TIMESTAMPTZ(3),
ADD COLUMN     "signs_from" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

-- Keys that are there have signed since they were made.
UPDATE "signing_keys" SET "signs_from" = "created_at";
