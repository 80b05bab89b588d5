-- CreateTable
CREATE TABLE "outbox" (
    "position" BIGSERIAL NOT NULL,
    "id" UUID NOT NULL,
    "type" VARCHAR(100) NOT NULL,
    "subject" VARCHAR(100) NOT NULL,
    "data" JSONB NOT NULL,
    "time" TIMESTAMPTZ(3) NOT NULL,
    "request_id" VARCHAR(128),
    "published_at" TIMESTAMPTZ(3),

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("position")
);

-- CreateTable
CREATE TABLE "inbox" (
    "group_name" VARCHAR(50) NOT NULL,
    "event_id" UUID NOT NULL,
    "handled_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "inbox_pkey" PRIMARY KEY ("group_name","event_id")
);

-- CreateTable
CREATE TABLE "dead_letters" (
    "group_name" VARCHAR(50) NOT NULL,
    "event_id" UUID NOT NULL,
    "envelope" JSONB NOT NULL,
    "error" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL,
    "died_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "dead_letters_pkey" PRIMARY KEY ("group_name","event_id")
);

-- CreateTable
CREATE TABLE "media_references" (
    "media_id" UUID NOT NULL,
    "task_id" UUID NOT NULL,

    CONSTRAINT "media_references_pkey" PRIMARY KEY ("media_id","task_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "outbox_id_key" ON "outbox"("id");

-- CreateIndex
CREATE INDEX "outbox_subject_position_idx" ON "outbox"("subject", "position");

-- CreateIndex
CREATE INDEX "outbox_published_at_position_idx" ON "outbox"("published_at", "position");

-- CreateIndex
CREATE INDEX "inbox_handled_at_idx" ON "inbox"("handled_at");

-- CreateIndex
CREATE INDEX "media_references_task_id_idx" ON "media_references"("task_id");

-- What is ready already is told to the task service as if it had become so now.
INSERT INTO "outbox" ("id", "type", "subject", "data", "time")
SELECT gen_random_uuid(), 'media.processed.v1', "id"::text,
       jsonb_build_object('mediaId', "id", 'uploaderId', "uploader_id"), now()
  FROM "media_items" WHERE "status" = 'READY' ORDER BY "id";
