-- CreateEnum
CREATE TYPE "known_media_state" AS ENUM ('READY', 'FAILED', 'DELETED');

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
CREATE TABLE "known_media" (
    "media_id" UUID NOT NULL,
    "uploader_id" UUID NOT NULL,
    "state" "known_media_state" NOT NULL,
    "told_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "known_media_pkey" PRIMARY KEY ("media_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "outbox_id_key" ON "outbox"("id");

-- CreateIndex
CREATE INDEX "outbox_subject_position_idx" ON "outbox"("subject", "position");

-- CreateIndex
CREATE INDEX "outbox_published_at_position_idx" ON "outbox"("published_at", "position");

-- CreateIndex
CREATE INDEX "inbox_handled_at_idx" ON "inbox"("handled_at");

-- What is attached already is told to the media service as if it were attached now.
INSERT INTO "outbox" ("id", "type", "subject", "data", "time")
SELECT gen_random_uuid(), 'task.media-attached.v1', "task_id"::text,
       jsonb_build_object('taskId', "task_id", 'mediaId', "media_id", 'attachedBy', "attached_by",
                          'attachedAt', to_char("attached_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
       now()
  FROM "task_media" ORDER BY "task_id", "position";
