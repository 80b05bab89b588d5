-- Undoes 20261127200500_job_requests, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- AlterTable
ALTER TABLE "media_jobs" DROP COLUMN "request_id",
DROP COLUMN "traceparent";
