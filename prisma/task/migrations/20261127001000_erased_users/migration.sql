-- AlterTable
ALTER TABLE "known_media" ALTER COLUMN "uploader_id" DROP NOT NULL;

-- AlterTable
ALTER TABLE "task_media" ALTER COLUMN "attached_by" DROP NOT NULL;

-- CreateTable
CREATE TABLE "erased_users" (
    "user_id" UUID NOT NULL,
    "told_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "done_at" TIMESTAMPTZ(3),

    CONSTRAINT "erased_users_pkey" PRIMARY KEY ("user_id")
);

-- CreateIndex
CREATE INDEX "erased_users_done_at_told_at_idx" ON "erased_users"("done_at", "told_at");

-- By hand: whether a user's account is gone. The lock keeps whoever writes something of a user apart from the note that the account is gone
-- (`erased-users.ts`): who comes second sees what the first has done, because each statement here looks anew.
CREATE FUNCTION "is_erased_user"(id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7024, hashtext(id::text) & 1023);
  RETURN EXISTS (SELECT FROM erased_users WHERE user_id = id);
END $$;

CREATE FUNCTION "refuse_erased_user"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF is_erased_user((to_jsonb(NEW) ->> TG_ARGV[0])::uuid) THEN
    RAISE EXCEPTION 'the account of % is gone', TG_ARGV[0] USING ERRCODE = 'TGE01';
  END IF;
  RETURN NEW;
END $$;

-- By hand: a task that is given to somebody whose account is gone is given to nobody.
CREATE FUNCTION "refuse_erased_party"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (TG_OP = 'INSERT' OR NEW.owner_id <> OLD.owner_id) AND is_erased_user(NEW.owner_id) THEN
    RAISE EXCEPTION 'the account of the owner is gone' USING ERRCODE = 'TGE01';
  END IF;
  IF NEW.assignee_id IS NOT NULL AND is_erased_user(NEW.assignee_id) THEN
    NEW.assignee_id := NULL;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER "tasks_of_erased" BEFORE INSERT OR UPDATE OF "owner_id", "assignee_id" ON "tasks"
  FOR EACH ROW EXECUTE FUNCTION "refuse_erased_party"();

-- By hand: an item of somebody whose account is gone is remembered, so that it is never attached again, and its uploader is not.
CREATE FUNCTION "forget_erased_uploader"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.uploader_id IS NOT NULL AND is_erased_user(NEW.uploader_id) THEN
    NEW.uploader_id := NULL;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER "known_media_of_erased" BEFORE INSERT OR UPDATE OF "uploader_id" ON "known_media"
  FOR EACH ROW EXECUTE FUNCTION "forget_erased_uploader"();

CREATE TRIGGER "task_media_of_erased" BEFORE INSERT OR UPDATE OF "attached_by" ON "task_media"
  FOR EACH ROW EXECUTE FUNCTION "refuse_erased_user"('attached_by');

CREATE TRIGGER "idempotency_keys_of_erased" BEFORE INSERT OR UPDATE OF "user_id" ON "idempotency_keys"
  FOR EACH ROW EXECUTE FUNCTION "refuse_erased_user"('user_id');
