-- Undoes 20261128210500_session_authenticated_at, with the rows that are there by then. Edit it freely: it is never compared with anything.
ALTER TABLE "sessions" DROP COLUMN "authenticated_at";
