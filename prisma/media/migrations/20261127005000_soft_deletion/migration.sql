-- AlterTable
ALTER TABLE "media_items" ADD COLUMN     "deleted_at" TIMESTAMPTZ(3);

-- CreateIndex
CREATE INDEX "media_items_deleted_at_idx" ON "media_items"("deleted_at");
