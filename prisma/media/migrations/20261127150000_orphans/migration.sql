-- AlterTable
ALTER TABLE "media_items" ADD COLUMN     "unattached_since" TIMESTAMPTZ(3);
