-- CreateEnum
CREATE TYPE "data_export_status" AS ENUM ('PENDING', 'READY', 'FAILED', 'EXPIRED');

-- CreateTable
CREATE TABLE "data_exports" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "status" "data_export_status" NOT NULL DEFAULT 'PENDING',
    "awaiting" TEXT[],
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),
    "failures" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "data_exports_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "data_export_parts" (
    "export_id" UUID NOT NULL,
    "source" VARCHAR(20) NOT NULL,
    "part" INTEGER NOT NULL,
    "is_last" BOOLEAN NOT NULL,
    "file" VARCHAR(40) NOT NULL,
    "rows" JSONB NOT NULL,

    CONSTRAINT "data_export_parts_pkey" PRIMARY KEY ("export_id","source","part")
);

-- CreateIndex
CREATE INDEX "data_exports_user_id_requested_at_idx" ON "data_exports"("user_id", "requested_at" DESC);

-- CreateIndex
CREATE INDEX "data_exports_status_requested_at_idx" ON "data_exports"("status", "requested_at");

-- AddForeignKey
ALTER TABLE "data_export_parts" ADD CONSTRAINT "data_export_parts_export_id_fkey" FOREIGN KEY ("export_id") REFERENCES "data_exports"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- By hand: of two that one person asks for at once, there is one.
CREATE UNIQUE INDEX "data_exports_one_pending" ON "data_exports"("user_id") WHERE "status" = 'PENDING';

CREATE TRIGGER "data_exports_of_erased" BEFORE INSERT OR UPDATE OF "user_id" ON "data_exports"
  FOR EACH ROW EXECUTE FUNCTION "refuse_erased_user"('user_id');
