-- Undoes 20261127001000_erased_users, with the rows that are there by then. Edit it freely: it is never compared with anything.

DROP TRIGGER "media_items_of_erased" ON "media_items";
DROP TRIGGER "idempotency_keys_of_erased" ON "idempotency_keys";
DROP FUNCTION "refuse_erased_user"();
DROP FUNCTION "is_erased_user"(uuid);

-- DropTable
DROP TABLE "erased_users";
