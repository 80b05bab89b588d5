-- Undoes 20261127003000_data_exports, with the rows that are there by then. Edit it freely: it is never compared with anything.

-- DropTable
DROP TABLE "data_export_parts";

-- DropTable
DROP TABLE "data_exports";

-- DropEnum
DROP TYPE "data_export_status";
