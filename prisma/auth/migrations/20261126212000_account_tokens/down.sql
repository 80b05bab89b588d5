-- Undoes 20261126212000_account_tokens, with the rows that are there by then. Edit it freely: it is never compared with anything.

-- DropTable
DROP TABLE "account_tokens";

-- AlterTable
ALTER TABLE "users" DROP COLUMN "email_verified_at";
