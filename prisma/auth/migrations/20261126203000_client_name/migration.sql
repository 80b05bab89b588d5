-- AlterTable
ALTER TABLE "sessions" ADD COLUMN     "client_name" VARCHAR(100);
