-- CreateTable
CREATE TABLE "revoked_sessions" (
    "session_id" UUID NOT NULL,
    "revoked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "revoked_sessions_pkey" PRIMARY KEY ("session_id")
);

-- CreateIndex
CREATE INDEX "revoked_sessions_revoked_at_session_id_idx" ON "revoked_sessions"("revoked_at", "session_id");

-- Whoever ends a session, and however, tells so here: a service, a job that erases an account, an operator's statement. The row outlives
-- the session's own, because access tokens of the session do.
CREATE FUNCTION "note_revoked_session"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.revoked_at IS NULL THEN
      INSERT INTO revoked_sessions (session_id, revoked_at) VALUES (OLD.id, clock_timestamp()) ON CONFLICT DO NOTHING;
    END IF;
  ELSIF OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL THEN
    INSERT INTO revoked_sessions (session_id, revoked_at) VALUES (NEW.id, clock_timestamp()) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER "sessions_revoked" AFTER UPDATE OF "revoked_at" OR DELETE ON "sessions"
  FOR EACH ROW EXECUTE FUNCTION "note_revoked_session"();
