-- Undoes 20261127010500_session_cookies, with the rows that are there by then. Edit it freely: it is never compared with anything.

-- DropIndex
DROP INDEX "sessions_cookie_hash_key";

-- AlterTable
ALTER TABLE "sessions" DROP COLUMN "cookie_hash";
