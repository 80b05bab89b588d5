-- Sessions of before were opened by a password, and nobody knows of a later proof.
ALTER TABLE "sessions" ADD COLUMN "authenticated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now();
UPDATE "sessions" SET "authenticated_at" = "created_at";
