-- Undoes 20261126211000_trigrams.
DROP EXTENSION "pg_trgm";
