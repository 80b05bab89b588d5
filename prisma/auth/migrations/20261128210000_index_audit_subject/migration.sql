CREATE INDEX CONCURRENTLY "audit_events_subject_position_idx" ON "audit_events"("subject", "position" DESC);
