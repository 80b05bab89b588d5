-- AlterTable
ALTER TABLE "media_items" ADD COLUMN     "content_id" UUID;

-- CreateIndex
CREATE INDEX "media_items_uploader_id_sha256_idx" ON "media_items"("uploader_id", "sha256");

-- CreateIndex
CREATE INDEX "media_items_content_id_idx" ON "media_items"("content_id");
