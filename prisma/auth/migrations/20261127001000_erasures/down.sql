-- Undoes 20261127001000_erasures, with the rows that are there by then. Edit it freely: it is never compared with anything.

-- DropTable
DROP TABLE "erasures";
