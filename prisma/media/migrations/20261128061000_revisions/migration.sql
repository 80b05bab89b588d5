-- AlterTable
ALTER TABLE "media_items" ADD COLUMN     "revision" INTEGER NOT NULL DEFAULT 0;
