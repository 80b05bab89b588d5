-- Undoes 20261127041500_data_export_requests, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- DropTable
DROP TABLE "data_export_requests";
