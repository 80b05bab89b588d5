-- Undoes 20261128213000_role_changes, with the rows that are there by then. Edit it freely: it is never compared with anything.
DROP TRIGGER "users_role_given" ON "users";
DROP TRIGGER "users_role_changed" ON "users";
DROP FUNCTION "note_role_change"();
DROP TABLE "role_changes";
