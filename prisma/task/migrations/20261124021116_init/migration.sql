-- CreateEnum
CREATE TYPE "task_status" AS ENUM ('TODO', 'IN_PROGRESS', 'DONE', 'CANCELLED');

-- CreateEnum
CREATE TYPE "task_priority" AS ENUM ('LOW', 'MEDIUM', 'HIGH', 'URGENT');

-- CreateTable
CREATE TABLE "tasks" (
    "id" UUID NOT NULL,
    "owner_id" UUID NOT NULL,
    "assignee_id" UUID,
    "title" VARCHAR(200) NOT NULL,
    "description" TEXT,
    "status" "task_status" NOT NULL DEFAULT 'TODO',
    "priority" "task_priority" NOT NULL DEFAULT 'MEDIUM',
    "due_at" TIMESTAMPTZ(3),
    "labels" TEXT[],
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "tasks_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "task_media" (
    "task_id" UUID NOT NULL,
    "media_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "attached_by" UUID NOT NULL,
    "attached_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "task_media_pkey" PRIMARY KEY ("task_id","media_id")
);

-- CreateIndex
CREATE INDEX "tasks_owner_id_updated_at_id_idx" ON "tasks"("owner_id", "updated_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "tasks_assignee_id_updated_at_id_idx" ON "tasks"("assignee_id", "updated_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "tasks_updated_at_id_idx" ON "tasks"("updated_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "task_media_media_id_idx" ON "task_media"("media_id");

-- CreateIndex
CREATE UNIQUE INDEX "task_media_task_id_position_key" ON "task_media"("task_id", "position");

-- AddForeignKey
ALTER TABLE "task_media" ADD CONSTRAINT "task_media_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE CASCADE ON UPDATE CASCADE;
