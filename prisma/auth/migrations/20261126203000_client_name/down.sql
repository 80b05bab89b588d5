-- Undoes 20261126203000_client_name, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- AlterTable
ALTER TABLE "sessions" DROP COLUMN "client_name";
