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

CREATE TRIGGER "media_items_of_erased" BEFORE INSERT OR UPDATE OF "uploader_id" ON "media_items"
  FOR EACH ROW EXECUTE FUNCTION "refuse_erased_user"('uploader_id');

CREATE TRIGGER "idempotency_keys_of_erased" BEFORE INSERT OR UPDATE OF "user_id" ON "idempotency_keys"
  FOR EACH ROW EXECUTE FUNCTION "refuse_erased_user"('user_id');
