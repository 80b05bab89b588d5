-- Undoes 20261127002000_audit_people, with the rows that are there by then. Edit it freely: it is never compared with anything. Rows with a
-- sealed origin do not verify without it.

-- DropTable
DROP TABLE "audit_people";

-- AlterTable
ALTER TABLE "audit_events" DROP COLUMN "sealed_origin";
