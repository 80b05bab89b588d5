-- Undoes 20261126211000_login_attempts, with the rows that are there by then. Edit it freely: it is never compared with anything.

-- DropTable
DROP TABLE "login_attempts";
