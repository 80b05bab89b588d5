-- Undoes 20261129103002_drop_index_uploader_id.
CREATE INDEX "media_items_uploader_id_id_idx" ON "media_items"("uploader_id", "id" DESC);
