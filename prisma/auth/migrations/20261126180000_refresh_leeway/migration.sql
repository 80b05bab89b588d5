-- AlterTable
ALTER TABLE "refresh_tokens" ADD COLUMN     "answer" BYTEA,
ADD COLUMN     "spent_by" BYTEA;
