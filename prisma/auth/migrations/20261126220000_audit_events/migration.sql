-- CreateTable
CREATE TABLE "audit_events" (
    "position" BIGINT NOT NULL,
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "action" VARCHAR(50) NOT NULL,
    "outcome" VARCHAR(20) NOT NULL,
    "actor_id" UUID,
    "subject" VARCHAR(200),
    "ip_address" VARCHAR(45),
    "user_agent" VARCHAR(512),
    "request_id" VARCHAR(128),
    "details" JSONB NOT NULL,
    "previous_hash" BYTEA NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("position")
);

-- CreateTable
CREATE TABLE "audit_head" (
    "id" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_head_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "audit_events_id_key" ON "audit_events"("id");

-- CreateIndex
CREATE INDEX "audit_events_action_position_idx" ON "audit_events"("action", "position" DESC);

-- CreateIndex
CREATE INDEX "audit_events_actor_id_position_idx" ON "audit_events"("actor_id", "position" DESC);

-- CreateIndex
CREATE INDEX "audit_events_at_idx" ON "audit_events"("at");

-- By hand: where the chain begins. Whoever appends locks this row, so rows are written one after the other.
INSERT INTO "audit_head" ("id", "position", "hash") VALUES (1, 0, decode(repeat('00', 32), 'hex'));

-- By hand: rows are added, and never changed or taken away, whoever is connected. Who may disable triggers is found by the chain.
CREATE FUNCTION "refuse_audit_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_events is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END;
$$;

CREATE TRIGGER "audit_events_append_only" BEFORE UPDATE OR DELETE ON "audit_events"
  FOR EACH ROW EXECUTE FUNCTION "refuse_audit_change"();

CREATE TRIGGER "audit_events_never_emptied" BEFORE TRUNCATE ON "audit_events"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_audit_change"();

CREATE TRIGGER "audit_head_kept" BEFORE DELETE ON "audit_head"
  FOR EACH ROW EXECUTE FUNCTION "refuse_audit_change"();
