-- Undoes 20261125192105_events, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- DropTable
DROP TABLE "public"."outbox";

-- DropTable
DROP TABLE "public"."inbox";

-- DropTable
DROP TABLE "public"."dead_letters";
