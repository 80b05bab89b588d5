-- Texts are searched by their trigrams. Whoever may create in a database may add this extension: PostgreSQL takes it for trusted.
CREATE EXTENSION IF NOT EXISTS "pg_trgm";
