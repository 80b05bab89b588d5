-- AlterTable
ALTER TABLE "media_items" ALTER COLUMN "mime_type" SET DATA TYPE VARCHAR(127),
ALTER COLUMN "byte_size" SET DATA TYPE BIGINT;

-- CreateTable
CREATE TABLE "upload_sessions" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "filename" VARCHAR(255) NOT NULL,
    "alt_text" VARCHAR(500),
    "byte_size" BIGINT NOT NULL,
    "sha256" CHAR(64),
    "target_url" TEXT,
    "found_sha256" CHAR(64),
    "found_type" VARCHAR(127),
    "found_refusal" VARCHAR(300),
    "lease_holder" UUID,
    "leased_until" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "upload_sessions_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "upload_sessions_user_id_idx" ON "upload_sessions"("user_id");

-- CreateIndex
CREATE INDEX "upload_sessions_expires_at_idx" ON "upload_sessions"("expires_at");

-- By hand: nothing is kept of accounts that are gone.
CREATE TRIGGER "upload_sessions_of_erased" BEFORE INSERT OR UPDATE OF "user_id" ON "upload_sessions"
  FOR EACH ROW EXECUTE FUNCTION "refuse_erased_user"('user_id');
