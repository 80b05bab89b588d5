-- AlterTable
ALTER TABLE "media_jobs" ADD COLUMN     "request_id" VARCHAR(128),
ADD COLUMN     "traceparent" VARCHAR(64);
