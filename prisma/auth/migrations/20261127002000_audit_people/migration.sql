-- AlterTable
ALTER TABLE "audit_events" ADD COLUMN     "sealed_origin" BYTEA;

-- CreateTable
CREATE TABLE "audit_people" (
    "user_id" UUID NOT NULL,
    "pseudonym" UUID NOT NULL,
    "key" BYTEA NOT NULL,

    CONSTRAINT "audit_people_pkey" PRIMARY KEY ("user_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "audit_people_pseudonym_key" ON "audit_people"("pseudonym");

-- AddForeignKey
ALTER TABLE "audit_people" ADD CONSTRAINT "audit_people_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- By hand: rows that are there name people by their ids, and cannot be changed. So an id stays the pseudonym of who has it.
INSERT INTO "audit_people" ("user_id", "pseudonym", "key")
SELECT "id", "id", uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) FROM "users";
