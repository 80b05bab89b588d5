-- Changes of roles that nobody has put on record yet: the service does.
CREATE TABLE "role_changes" (
    "id" BIGSERIAL NOT NULL,
    "user_id" UUID NOT NULL,
    "role" "role" NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "role_changes_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "role_changes_user_id_idx" ON "role_changes"("user_id");

ALTER TABLE "role_changes" ADD CONSTRAINT "role_changes_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Whoever changes a role with a statement of their own leaves a note of it. The commands put it on record themselves, and say so.
CREATE FUNCTION "note_role_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('taskgraph.role_change', true) IS DISTINCT FROM 'recorded' THEN
    INSERT INTO role_changes (user_id, role) VALUES (NEW.id, NEW.role);
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER "users_role_changed" AFTER UPDATE OF "role" ON "users"
  FOR EACH ROW WHEN (OLD."role" IS DISTINCT FROM NEW."role") EXECUTE FUNCTION "note_role_change"();
CREATE TRIGGER "users_role_given" AFTER INSERT ON "users"
  FOR EACH ROW WHEN (NEW."role" <> 'USER') EXECUTE FUNCTION "note_role_change"();
