-- A session that has expired long ago has no access token that is still good: its row goes in silence. Told as ended, each would be fetched
-- and kept by every process that verifies tokens. Access tokens live for minutes; a day leaves room for those of a longer setting.
CREATE OR REPLACE FUNCTION "note_revoked_session"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.revoked_at IS NULL AND OLD.expires_at > clock_timestamp() - interval '1 day' THEN
      INSERT INTO revoked_sessions (session_id, revoked_at) VALUES (OLD.id, clock_timestamp()) ON CONFLICT DO NOTHING;
    END IF;
  ELSIF OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL THEN
    INSERT INTO revoked_sessions (session_id, revoked_at) VALUES (NEW.id, clock_timestamp()) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;
