-- Undoes 20261126203000_revoked_sessions, with the rows that are there by then. Edit it freely: it is never compared with anything.
DROP TRIGGER "sessions_revoked" ON "sessions";
DROP FUNCTION "note_revoked_session"();

-- DropTable
DROP TABLE "revoked_sessions";
