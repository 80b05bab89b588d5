-- Undoes 20261126205500_key_rotation, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- The version before signs with whatever is newest, so keys that do not sign yet are not left to it.
DELETE FROM "signing_keys" WHERE "signs_from" > now();

-- AlterTable
ALTER TABLE "signing_keys" DROP COLUMN "retires_at",
DROP COLUMN "signs_from";
