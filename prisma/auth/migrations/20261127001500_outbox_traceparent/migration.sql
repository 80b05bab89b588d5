-- AlterTable
ALTER TABLE "outbox" ADD COLUMN     "traceparent" VARCHAR(64);
