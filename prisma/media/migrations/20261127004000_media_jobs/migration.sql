-- AlterTable
ALTER TABLE "media_items" ADD COLUMN     "failure_reason" VARCHAR(40),
ADD COLUMN     "has_full" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "media_jobs" (
    "media_id" UUID NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "run_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "media_jobs_pkey" PRIMARY KEY ("media_id")
);

-- CreateIndex
CREATE INDEX "media_jobs_run_at_idx" ON "media_jobs"("run_at");

-- AddForeignKey
ALTER TABLE "media_jobs" ADD CONSTRAINT "media_jobs_media_id_fkey" FOREIGN KEY ("media_id") REFERENCES "media_items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What is there already gets the versions that others may download.
INSERT INTO "media_jobs" ("media_id") SELECT "id" FROM "media_items" WHERE "status" = 'READY';
