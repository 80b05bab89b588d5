-- CreateEnum
CREATE TYPE "media_status" AS ENUM ('PROCESSING', 'READY', 'FAILED');

-- CreateTable
CREATE TABLE "media_items" (
    "id" UUID NOT NULL,
    "uploader_id" UUID NOT NULL,
    "filename" VARCHAR(255) NOT NULL,
    "mime_type" VARCHAR(64) NOT NULL,
    "byte_size" INTEGER NOT NULL,
    "sha256" CHAR(64) NOT NULL,
    "width" INTEGER,
    "height" INTEGER,
    "alt_text" VARCHAR(500),
    "placeholder" VARCHAR(64),
    "thumbnails" JSONB NOT NULL DEFAULT '[]',
    "status" "media_status" NOT NULL DEFAULT 'PROCESSING',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "media_items_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "media_items_uploader_id_id_idx" ON "media_items"("uploader_id", "id" DESC);

-- CreateIndex
CREATE INDEX "media_items_status_updated_at_idx" ON "media_items"("status", "updated_at");
