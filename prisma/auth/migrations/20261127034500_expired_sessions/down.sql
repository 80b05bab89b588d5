-- Undoes 20261127034500_expired_sessions, with the rows that are there by then. Edit it freely: it is never compared with anything.
CREATE OR REPLACE FUNCTION "note_revoked_session"() RETURNS trigger LANGUAGE plpgsql AS $$
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
